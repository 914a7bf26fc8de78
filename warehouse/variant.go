package warehouse

import (
	"errors"

	"firn/warehouse/function"
	"firn/warehouse/function/variant"
)

// variantJSON appends the text of an encoded VARIANT: package batch's view of them.
func variantJSON(dst, value []byte) ([]byte, error) { return function.AppendJSON(dst, value), nil }

// parseJSON encodes a JSON text.
func parseJSON(text []byte) ([]byte, error) {
	b, ok, err := variant.Parse(text)
	if err == nil && !ok {
		err = errors.New("warehouse: an empty JSON text")
	}
	return b, err
}
