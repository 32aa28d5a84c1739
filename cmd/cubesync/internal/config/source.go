package config

// samplePath is how the path of the sample ends, wherever the repository was cloned to.
const samplePath = "/docs/sample/users.csv"

func (c *checker) source(n node, app application) Source {
	group := n.object("write csv:, ldap: or sql: under it", "csv", "ldap", "sql")
	if !n.given() || group.broken {
		return Source{}
	}
	return c.kind(group, app)
}

// kind reads the one kind of source that a group says.
func (c *checker) kind(group object, app application) Source {
	switch group.one("csv", "ldap", "sql") {
	case "csv":
		return Source{CSV: c.csv(group.get("csv"), app)}
	case "ldap":
		return Source{LDAP: c.ldap(group.get("ldap"))}
	case "sql":
		return Source{SQL: c.sql(group.get("sql"))}
	}
	return Source{}
}
