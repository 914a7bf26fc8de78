package job

import (
	"encoding/json"
	"path/filepath"
)

// Linux starts no program with a word of more than 128 KiB, nor with more than 2 MiB of words and environment (execve(2)), but a client
// puts up to 1 MiB of a function's arguments into one word (client: jobs/_interop/utils.py, _MAX_INLINE_SIZE).
const (
	longWord  = 64 << 10
	manyWords = 512 << 10 // past it every word is long that is worth the trouble
	someWord  = 1 << 10

	longFile = "words.json"
	longVar  = "FIRN_LONG_WORDS" // the launcher's (python/firn_job/arguments.py): where that file is inside
)

// shorten puts long words into a file in dir, which the job sees at /run/firn, and leaves empty ones in their places. The file is a JSON
// object of words by their number, from 0; inside is its path in the job, "" where nothing had to be done.
func shorten(words []string, dir string) (short []string, inside string, err error) {
	total := 0
	for _, w := range words {
		total += len(w)
	}
	most := longWord
	if total > manyWords {
		most = someWord
	}
	long := map[int]string{}
	for i, w := range words {
		if i > 0 && len(w) > most { // the first is the entrypoint
			long[i] = w
		}
	}
	if len(long) == 0 {
		return words, "", nil
	}
	short = append([]string{}, words...)
	for i := range long {
		short[i] = ""
	}
	b, err := json.Marshal(long)
	if err != nil {
		return nil, "", err
	}
	return short, "/run/firn/" + longFile, replace(filepath.Join(dir, longFile), b)
}
