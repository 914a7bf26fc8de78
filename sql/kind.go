package sql

import "strings"

// compounds gives the further words of the object kinds that begin with w and have several, '|' between them.
func compounds(w string) string {
	switch w {
	case "AGGREGATION", "AUTHENTICATION", "JOIN", "MASKING", "PACKAGES", "PASSWORD", "PRIVACY", "PROJECTION", "SESSION", "FEATURE":
		return "POLICY"
	case "API", "CATALOG", "NOTIFICATION", "SECURITY":
		return "INTEGRATION"
	case "APPLICATION":
		return "ROLE|PACKAGE|SERVICE"
	case "ARTIFACT", "GIT", "IMAGE":
		return "REPOSITORY"
	case "CODE":
		return "BUNDLE"
	case "COMPUTE":
		return "POOL"
	case "CORTEX":
		return "SEARCH SERVICE|AGENT"
	case "DATA":
		return "METRIC FUNCTION"
	case "DATABASE":
		return "ROLE"
	case "DYNAMIC", "EVENT", "HYBRID", "ICEBERG", "INTERACTIVE":
		return "TABLE"
	case "EXTERNAL":
		return "ACCESS INTEGRATION|AGENT|FUNCTION|TABLE|VOLUME"
	case "FAILOVER", "REPLICATION":
		return "GROUP"
	case "FILE":
		return "FORMAT"
	case "JOB":
		return "SERVICE"
	case "MANAGED":
		return "ACCOUNT"
	case "MATERIALIZED", "SEMANTIC":
		return "VIEW"
	case "MCP":
		return "SERVER"
	case "MODEL":
		return "MONITOR"
	case "NETWORK":
		return "POLICY|RULE"
	case "NOTEBOOK":
		return "PROJECT"
	case "ONLINE":
		return "FEATURE TABLE"
	case "ORGANIZATION":
		return "ACCOUNT|PROFILE|USER GROUP|USER|LISTING"
	case "RESOURCE":
		return "MONITOR"
	case "ROW":
		return "ACCESS POLICY"
	case "STORAGE":
		return "INTEGRATION|LIFECYCLE POLICY"
	case "PROVISIONED":
		return "THROUGHPUT"
	case "SNAPSHOT":
		return "POLICY|SET"
	case "BACKUP":
		return "POLICY|SET"
	}
	return ""
}

func singleKind(w string) bool {
	switch w {
	case "ACCOUNT", "AGENT", "ALERT", "APPLICATION", "CLASS", "COLUMN", "CONNECTION", "CONTACT", "CONTAINER", "DATABASE", "DATASET", "EXPERIMENT", "FUNCTION",
		"GATEWAY", "INDEX", "INSTANCE", "INTEGRATION", "LISTING", "MODEL", "NOTEBOOK", "PIPE", "PROCEDURE", "ROLE", "SCHEMA", "SECRET", "SEQUENCE",
		"SERVICE", "SHARE", "SNAPSHOT", "STAGE", "STREAM", "STREAMLIT", "TABLE", "TAG", "TASK", "TYPE", "USER", "VIEW", "VOLUME", "WAREHOUSE", "WORKSPACE":
		return true
	}
	return false
}

// objectKind takes an object kind such as TABLE or COMPUTE POOL, "" if none is here.
func (p *parser) objectKind() string {
	w := p.tok.word
	if p.tok.kind != kWord {
		return ""
	}
	for rest := compounds(w); rest != ""; {
		var words string
		words, rest, _ = strings.Cut(rest, "|")
		first, _, _ := strings.Cut(words, " ")
		if !p.peekIs(first) {
			continue
		}
		m := p.mark()
		p.advance()
		if p.acceptWords(words) {
			return w + " " + words
		}
		p.reset(m)
	}
	if singleKind(w) {
		p.advance()
		return w
	}
	return ""
}

// optionKind says whether CREATE of this kind is a name and options.
func optionKind(k string) bool {
	switch k {
	case "DATABASE", "SCHEMA", "STAGE", "FILE FORMAT", "SEQUENCE", "WAREHOUSE", "COMPUTE POOL", "ROLE", "DATABASE ROLE", "USER", "NETWORK RULE", "NETWORK POLICY",
		"SECRET", "IMAGE REPOSITORY", "TAG", "EXTERNAL ACCESS INTEGRATION", "API INTEGRATION", "STORAGE INTEGRATION", "SECURITY INTEGRATION", "NOTIFICATION INTEGRATION",
		"RESOURCE MONITOR", "ARTIFACT REPOSITORY", "GIT REPOSITORY", "EXPERIMENT", "DATASET", "CODE BUNDLE", "MODEL", "SESSION POLICY", "PASSWORD POLICY":
		return true
	}
	return false
}
