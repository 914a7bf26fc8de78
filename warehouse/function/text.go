package function

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"firn/sqlerr"
	"firn/warehouse/function/convert"
)

func textSpecs() []spec {
	out := []spec{
		{name: "sf_fit", args: []kind{textKind, anyKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				b := c.in[0].bytes(i)
				n, _ := c.in[1].decimal(i).Int64()
				if int64(len(b)) > n && int64(utf8.RuneCount(b)) > n {
					return sqlerr.New(100078, "22000", "String '%s' is too long and would be truncated", b)
				}
				c.out.setBytes(i, b)
				return nil
			})
		}},
		{name: "sf_substr", args: []kind{textKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				c.out.setText(i, substr(c.in[0].text(i), c.in[1].int64(i), 1<<40))
				return nil
			})
		}},
		{name: "sf_substr", args: []kind{textKind, bigKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				c.out.setText(i, substr(c.in[0].text(i), c.in[1].int64(i), c.in[2].int64(i)))
				return nil
			})
		}},
		{name: "sf_initcap", args: []kind{textKind, textKind}, ret: textKind, nulls: true, run: func(c *chunk) error {
			for i := range c.n {
				if !c.in[0].valid(i) {
					c.null(i)
					continue
				}
				// Words end at these (page "INITCAP").
				delimiters := " \t\n\f\r\v!?@\"^#$&~_,.:;+-*%/|\\[](){}<>'"
				if c.in[1].valid(i) {
					delimiters = c.in[1].text(i)
				}
				c.out.setText(i, initcap(c.in[0].text(i), delimiters))
			}
			return nil
		}},
		{name: "sf_pad", args: []kind{textKind, bigKind, textKind, boolKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				s, n, p, left := c.in[0].text(i), c.in[1].int64(i), c.in[2].text(i), c.in[3].bool(i)
				c.out.setText(i, padText(s, n, p, left))
				return nil
			})
		}},
		{name: "sf_position", args: []kind{textKind, textKind, bigKind}, ret: decimal0, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				sub, s, start := c.in[0].text(i), c.in[1].text(i), max(c.in[2].int64(i), 1)
				rest := substr(s, start, 1<<40)
				at128 := int64(0)
				if j := strings.Index(rest, sub); j >= 0 {
					at128 = start + int64(utf8.RuneCountInString(rest[:j]))
				}
				setDecimal(c, i, at128)
				return nil
			})
		}},
		{name: "sf_split_part", args: []kind{textKind, textKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				c.out.setText(i, splitPart(c.in[0].text(i), c.in[1].text(i), c.in[2].int64(i)))
				return nil
			})
		}},
		{name: "sf_strtok", args: []kind{textKind, textKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				toks := strtok(c.in[0].text(i), c.in[1].text(i))
				if n := c.in[2].int64(i); n >= 1 && n <= int64(len(toks)) {
					c.out.setText(i, toks[n-1])
				} else {
					c.null(i)
				}
				return nil
			})
		}},
		{name: "sf_hexbin", args: []kind{textKind}, ret: blobKind, run: hexbin(false)},
		{name: "sf_tryhexbin", args: []kind{textKind}, ret: blobKind, run: hexbin(true)},
		{name: "sf_sha2", args: []kind{blobKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			return c.rows(func(i int) error {
				b := c.in[0].bytes(i)
				var sum []byte
				switch n := c.in[1].int64(i); n {
				case 0, 256:
					s := sha256.Sum256(b)
					sum = s[:]
				case 224:
					s := sha256.Sum224(b)
					sum = s[:]
				case 384:
					s := sha512.Sum384(b)
					sum = s[:]
				case 512:
					s := sha512.Sum512(b)
					sum = s[:]
				default:
					return sqlerr.New(100034, "22023", "Invalid digest size %d for function SHA2", n)
				}
				c.out.setText(i, hex.EncodeToString(sum))
				return nil
			})
		}},
		{name: "sf_randstr", args: []kind{bigKind, bigKind}, ret: textKind, run: func(c *chunk) error {
			const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			return c.rows(func(i int) error {
				n := min(max(c.in[0].int64(i), 0), 1<<20)
				g := uint64(c.in[1].int64(i))
				c.buf = c.buf[:0]
				for range n {
					g = mix(g)
					c.buf = append(c.buf, letters[g%uint64(len(letters))])
				}
				c.out.setBytes(i, c.buf)
				return nil
			})
		}},
		{name: "sf_split_table", args: []kind{textKind, textKind}, ret: splitKind, run: splitTable(strings.Split)},
		{name: "sf_strtok_table", args: []kind{textKind, textKind}, ret: splitKind, run: splitTable(strtok)},
	}
	return append(out, regexSpecs()...)
}

func setDecimal(c *chunk, i int, n int64) {
	*at[convert.Int128](&c.out, i) = convert.FromInt64(n)
}

// substr is SUBSTR: from 1, from the end where negative; 0 counts as 1.
func substr(s string, start, n int64) string {
	if n <= 0 {
		return ""
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	length := int64(len(s))
	if !ascii {
		length = int64(utf8.RuneCountInString(s))
	}
	if start < 0 {
		start = length + start + 1
		if start < 1 {
			return ""
		}
	}
	if start == 0 {
		start = 1
	}
	if start > length {
		return ""
	}
	end := min(start-1+n, length)
	if ascii {
		return s[start-1 : end]
	}
	from, to, k := 0, len(s), int64(0)
	for i := range s {
		if k == start-1 {
			from = i
		}
		if k == end {
			to = i
			break
		}
		k++
	}
	return s[from:to]
}

func initcap(s, delimiters string) string {
	var b strings.Builder
	start := true
	for _, r := range s {
		if delimiters != "" && strings.ContainsRune(delimiters, r) {
			start = true
			b.WriteRune(r)
			continue
		}
		if start {
			b.WriteRune(unicode.ToUpper(r))
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		start = false
	}
	return b.String()
}

func padText(s string, n int64, p string, left bool) string {
	length := int64(utf8.RuneCountInString(s))
	if n <= 0 {
		return ""
	}
	if n <= length {
		return substr(s, 1, n)
	}
	if p == "" {
		return s
	}
	n = min(n, 16777216)
	need := n - length
	pl := int64(utf8.RuneCountInString(p))
	fill := strings.Repeat(p, int(need/pl)) + substr(p, 1, need%pl)
	if left {
		return fill + s
	}
	return s + fill
}

// splitPart is SPLIT_PART: 0 counts as 1, negative from the end, ” out of range.
func splitPart(s, sep string, n int64) string {
	if n == 0 {
		n = 1
	}
	if sep == "" {
		if n == 1 || n == -1 {
			return s
		}
		return ""
	}
	if n > 0 {
		for ; n > 1; n-- {
			i := strings.Index(s, sep)
			if i < 0 {
				return ""
			}
			s = s[i+len(sep):]
		}
		if i := strings.Index(s, sep); i >= 0 {
			return s[:i]
		}
		return s
	}
	parts := strings.Split(s, sep)
	if -n > int64(len(parts)) {
		return ""
	}
	return parts[int64(len(parts))+n]
}

// strtok splits at any of the delimiters' characters; empty tokens do not count.
func strtok(s, delimiters string) []string {
	if delimiters == "" {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) })
}

func hexbin(try bool) func(c *chunk) error {
	return func(c *chunk) error {
		return c.rows(func(i int) error {
			src := bytes.TrimSpace(c.in[0].bytes(i))
			out := make([]byte, hex.DecodedLen(len(src)))
			if _, err := hex.Decode(out, src); err != nil {
				if try {
					c.null(i)
					return nil
				}
				return sqlerr.New(100115, "22000", "The following string is not a legal hex-encoded value: '%s'", src)
			}
			c.out.setBytes(i, out)
			return nil
		})
	}
}
