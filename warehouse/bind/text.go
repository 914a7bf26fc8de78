package bind

import (
	"strings"

	"firn/sql"
)

// itemText is an output's source text, upper-cased: Snowflake names an output without alias by it. A view's query is not in the
// statement's text; it is written from the tree.
func (b *binder) itemText(it *sql.SelectItem) string {
	if b.views == 0 && b.sc != nil && it.Span.Off < it.Span.End && it.Span.End <= len(b.sc.Text) {
		return strings.ToUpper(b.sc.Text[it.Span.Off:it.Span.End])
	}
	return strings.ToUpper(sql.Print(it.X))
}
