package runtime

import (
	"embed"
	"regexp"
	"strings"
)

// Written by manifests/lock.sh.
//
//go:embed manifests/base-py*.txt
var manifests embed.FS

// Minors are the Pythons that there is a lock for, oldest first.
var minors = []string{"3.10", "3.11", "3.12", "3.13"}

// baseLock is the base environment's lock for a Python minor, in the form of a requirements file with hashes.
func baseLock(minor string) (string, bool) {
	data, err := manifests.ReadFile("manifests/base-py" + strings.ReplaceAll(minor, ".", "") + ".txt")
	return string(data), err == nil
}

var locked = regexp.MustCompile(`(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)`)

// lockedPackages are the names (as the lock spells them: lower case, dashes) and versions in a lock.
func lockedPackages(lock string) map[string]string {
	packages := map[string]string{}
	for _, m := range locked.FindAllStringSubmatch(lock, -1) {
		packages[m[1]] = m[2]
	}
	return packages
}

// Preload is what a warm parent of the base environment imports: the packages themselves, and what they import late, at the first
// frame returned, the first collect() and the like. The launcher, which the warm parent imports by itself, is not among them.
var preload = []string{
	"snowflake.snowpark", "pandas", "pyarrow", "sklearn.ensemble", "xgboost", "cloudpickle", "threadpoolctl",
	"pyarrow.parquet", "pyarrow.fs", "pyarrow.pandas_compat",
	"pandas.core.arrays.arrow.extension_types", "pandas.io.formats.string",
	"snowflake.snowpark._internal.compiler.plan_compiler",
	"sklearn.utils._pprint",
	"runpy", "zipfile", "traceback", "logging", "importlib.util",
}
