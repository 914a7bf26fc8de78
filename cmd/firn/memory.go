package main

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

func totalMemory() (int64, error) {
	var i syscall.Sysinfo_t
	if err := syscall.Sysinfo(&i); err != nil {
		return 0, fmt.Errorf("memory of this machine: %w", err)
	}
	return int64(i.Totalram) * int64(i.Unit), nil
}

// parseBytes reads "12GiB", "512 MiB" or a number of bytes.
func parseBytes(text string) (int64, error) {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range []struct {
		name   string
		factor int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(s), u.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no amount of memory: write 12GiB, 512MiB or bytes", text)
	}
	return int64(n * float64(factor)), nil
}
