package catalog

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // SHA384 and SHA512 of the signatures
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	"firn/sqlerr"
	"firn/store"
)

func errJWT() error { return sqlerr.New(390144, "28000", "JWT token is invalid.") }

// skew is how far a client's clock may be off.
const skew = time.Minute

// byKey checks a key pair's JWT: iss = ACCOUNT.USER.SHA256:<fingerprint>, sub = ACCOUNT.USER, signed by the user's key
// (client-protocol.md §1.2).
func (c *Catalog) byKey(login, token string) (store.User, error) {
	head, rest, ok := strings.Cut(strings.TrimSpace(token), ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return store.User{}, errJWT()
	}
	var header struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Iss string  `json:"iss"`
		Sub string  `json:"sub"`
		Iat float64 `json:"iat"`
		Exp float64 `json:"exp"`
	}
	if !unpack(head, &header) || !unpack(body, &claims) {
		return store.User{}, errJWT()
	}
	who, fingerprint, ok := strings.Cut(claims.Iss, ".SHA256:")
	if !ok || who != claims.Sub {
		return store.User{}, errJWT()
	}
	account, name, ok := strings.Cut(who, ".")
	if !ok || !strings.EqualFold(account, c.account) {
		return store.User{}, errJWT()
	}
	c.mu.RLock()
	u, known := c.users[c.logins[strings.ToUpper(name)]]
	c.mu.RUnlock()
	if !known || login != "" && !strings.EqualFold(login, name) {
		return store.User{}, errJWT()
	}
	now := c.now()
	if claims.Exp == 0 || now.After(time.Unix(int64(claims.Exp), 0).Add(skew)) || time.Unix(int64(claims.Iat), 0).After(now.Add(skew)) {
		return store.User{}, errJWT()
	}
	signature, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		return store.User{}, errJWT()
	}
	for _, property := range []string{"RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"} {
		key, fp, err := publicKey(u.Settings[property])
		if err != nil || fp != "SHA256:"+fingerprint {
			continue
		}
		if !signed(header.Alg, key, head+"."+body, signature) {
			break
		}
		if u.Settings["DISABLED"] == "true" {
			return store.User{}, errDisabled()
		}
		return u, nil
	}
	return store.User{}, errJWT()
}

func unpack(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}

// publicKey reads a key as ALTER USER takes it: base64 of the SPKI, with or without PEM's lines. It gives the key's fingerprint too.
func publicKey(text string) (any, string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, "", errJWT()
	}
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, "", err
		}
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, "", err
	}
	switch key.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return nil, "", errJWT()
	}
	sum := sha256.Sum256(der)
	return key, "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), nil
}

// signed checks a JWS signature: RS256, RS384, RS512, ES256, ES384, ES512.
func signed(alg string, key any, text string, sig []byte) bool {
	if len(alg) != 5 {
		return false
	}
	hash, ok := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	if !ok {
		return false
	}
	h := hash.New()
	h.Write([]byte(text))
	sum := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return alg[:2] == "RS" && rsa.VerifyPKCS1v15(key, hash, sum, sig) == nil
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().BitSize + 7) / 8
		if alg[:2] != "ES" || len(sig) != 2*size {
			return false
		}
		return ecdsa.Verify(key, sum, new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]))
	}
	return false
}
