package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/BurntSushi/toml"
)

// config is firn.toml, in the data directory or where --config says. Every value has a default.
type config struct {
	Region  string // what CURRENT_REGION() answers; clients branch on the cloud in it
	Version string // what CURRENT_VERSION() answers
	Machine struct {
		CPU    float64 // CPUs for jobs; 0: all
		Memory string  // memory for jobs, "12GiB"; "": three quarters of the machine's
		Strict bool    // an instance reserves its whole limit, so that limits never overlap
	}
	Runtime struct {
		Interpreters []string // Python interpreters to use before those that are found
		UV           string   // path of uv; "": found or installed once
	}
}

func readConfig(path string) (config, error) {
	c := config{Region: "AWS_US_WEST_2", Version: "10.38.2"}
	meta, err := toml.DecodeFile(path, &c)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return c, fmt.Errorf("%s: unknown setting %q", path, extra[0])
	}
	return c, nil
}
