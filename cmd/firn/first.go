package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockData takes the data directory for this process: exactly one server is active for it. The lock ends with the process.
func lockData(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another server runs on the data directory %s", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// adminPassword is the first user's: from FIRN_ADMIN_PASSWORD, else from DIR/admin-password, which is written (0600) at the
// first start.
func adminPassword(dir string) (string, error) {
	if p := os.Getenv("FIRN_ADMIN_PASSWORD"); p != "" {
		return p, nil
	}
	path := filepath.Join(dir, "admin-password")
	b, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	raw := make([]byte, 18)
	rand.Read(raw)
	p := base64.RawURLEncoding.EncodeToString(raw)
	return p, writeFile(path, p+"\n")
}

// writeConnections lets a client connect with SNOWFLAKE_HOME=DIR/client and nothing else. It is written anew at every start: the
// port may be another.
func writeConnections(dir, account, password string, addr net.Addr) error {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	home := filepath.Join(dir, "client")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(`[default]
account = %q
user = "ADMIN"
password = %q
host = %q
port = %s
protocol = "http"
role = "ACCOUNTADMIN"
database = "FIRN"
schema = "PUBLIC"
warehouse = "COMPUTE_WH"
`, account, password, host, port)
	return writeFile(filepath.Join(home, "connections.toml"), text)
}

// writeFile writes a private file so that it is there whole or not at all, also after a power cut.
func writeFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
