package sql
func appendName(b []byte, n *Name) []byte { return append(b, n.String()...) }
