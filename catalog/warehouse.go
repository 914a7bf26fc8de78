package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"firn/result"
	"firn/sql"
	"firn/sqlerr"
	"firn/statement"
	"firn/store"
)

// A warehouse is a name with settings: statements run where they run, so it is always STARTED and its size changes nothing.

var warehouseSettings = map[string]bool{"WAREHOUSE_SIZE": true, "WAREHOUSE_TYPE": true, "MAX_CLUSTER_COUNT": true, "MIN_CLUSTER_COUNT": true, "SCALING_POLICY": true,
	"AUTO_SUSPEND": true, "AUTO_RESUME": true, "INITIALLY_SUSPENDED": true, "ENABLE_QUERY_ACCELERATION": true, "QUERY_ACCELERATION_MAX_SCALE_FACTOR": true,
	"MAX_CONCURRENCY_LEVEL": true, "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": true, "STATEMENT_TIMEOUT_IN_SECONDS": true, "RESOURCE_CONSTRAINT": true, "GENERATION": true,
	"WAIT_FOR_COMPLETION": true, "COMMENT": true}

// sizes are the spellings of WAREHOUSE_SIZE and how SHOW writes them.
var sizes = map[string]string{"XSMALL": "X-Small", "SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large", "XLARGE": "X-Large", "XXLARGE": "2X-Large", "X2LARGE": "2X-Large",
	"2XLARGE": "2X-Large", "XXXLARGE": "3X-Large", "X3LARGE": "3X-Large", "3XLARGE": "3X-Large", "X4LARGE": "4X-Large", "4XLARGE": "4X-Large",
	"X5LARGE": "5X-Large", "5XLARGE": "5X-Large", "X6LARGE": "6X-Large", "6XLARGE": "6X-Large"}

func setWarehouse(w *store.Warehouse, options []sql.Option) error {
	set, err := ReadSettings(options, "WAREHOUSE", func(n string) bool { return warehouseSettings[n] || n == "RESOURCE_MONITOR" || n == "TAG" })
	if err != nil {
		return err
	}
	for _, s := range set {
		switch s.Name {
		case "COMMENT":
			w.Comment = s.Value
		case "RESOURCE_MONITOR", "TAG":
			return sqlerr.Unsupported("%s of a warehouse", s.Name)
		case "INITIALLY_SUSPENDED", "WAIT_FOR_COMPLETION":
		case "WAREHOUSE_SIZE":
			size, ok := sizes[strings.ToUpper(strings.ReplaceAll(s.Value, "-", ""))]
			if !ok {
				return sqlerr.Invalid("invalid value '%s' for property 'WAREHOUSE_SIZE'", s.Value)
			}
			w.Settings[s.Name] = size
		default:
			w.Settings[s.Name] = s.Value
		}
	}
	return nil
}

func (c *Catalog) createWarehouse(ctx context.Context, sc *statement.Context, st *sql.Create) (string, error) {
	name, err := single(st.Name, "warehouse")
	if err != nil {
		return "", err
	}
	if err := c.require(ctx, sc, "CREATE WAREHOUSE", "ACCOUNT"); err != nil {
		return "", err
	}
	t := c.now()
	w := store.Warehouse{Name: name, Settings: map[string]string{"WAREHOUSE_SIZE": "X-Small"}, Owner: sc.Role, Created: t, Updated: t}
	if err := setWarehouse(&w, st.Options); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.warehouses[name]; ok {
		switch {
		case st.IfNotExists:
			return fmt.Sprintf("%s already exists, statement succeeded.", name), nil
		case !st.OrReplace:
			return "", sqlerr.Exists(name)
		}
		if roles := c.actsLocked(sc.Role); !roles[AccountAdmin] && !roles[old.Owner] {
			return "", sqlerr.Privilege("warehouse", name)
		}
		if err := c.store.DropWarehouse(ctx, name); err != nil {
			return "", err
		}
		delete(c.warehouses, name)
		c.forgetGrants("WAREHOUSE", name)
	}
	if err := c.store.PutWarehouse(ctx, w); err != nil {
		return "", err
	}
	c.warehouses[name] = w
	return fmt.Sprintf("Warehouse %s successfully created.", name), nil
}

// warehouse finds one and checks a privilege on it.
func (c *Catalog) warehouse(ctx context.Context, sc *statement.Context, n sql.Name, privilege string) (store.Warehouse, error) {
	name, err := single(n, "warehouse")
	if err != nil {
		return store.Warehouse{}, err
	}
	c.mu.RLock()
	w, ok := c.warehouses[name]
	c.mu.RUnlock()
	if !ok {
		return w, sqlerr.NotExist("Warehouse", name)
	}
	return w, c.require(ctx, sc, privilege, "WAREHOUSE", name)
}

func (c *Catalog) alterWarehouse(ctx context.Context, sc *statement.Context, st *sql.Alter) (string, error) {
	const done = "Statement executed successfully."
	privilege := "MODIFY"
	switch st.Action {
	case "SUSPEND", "RESUME", "ABORT", "ABORT ALL QUERIES", "RESUME IF SUSPENDED":
		privilege = "OPERATE"
	}
	w, err := c.warehouse(ctx, sc, st.Name, privilege)
	if err != nil {
		if st.IfExists && sqlerr.Is(err, 2003) {
			return done, nil
		}
		return "", err
	}
	w.Settings = maps.Clone(w.Settings)
	from := w.Name
	switch st.Action {
	case "SET":
		if err := setWarehouse(&w, st.Options); err != nil {
			return "", err
		}
	case "UNSET":
		for _, n := range st.Names {
			if !warehouseSettings[n] {
				return "", sqlerr.Compilation(1420, "22023", "invalid property '%s' for 'WAREHOUSE'", n)
			}
			delete(w.Settings, n)
			if n == "COMMENT" {
				w.Comment = ""
			}
		}
	case "RENAME", "RENAME TO":
		if w.Name, err = single(st.To, "warehouse"); err != nil {
			return "", err
		}
	case "SUSPEND", "RESUME", "RESUME IF SUSPENDED":
		return done, nil
	default:
		return "", sqlerr.Unsupported("ALTER WAREHOUSE %s", st.Action)
	}
	w.Updated = c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.warehouses[from]; !ok {
		return "", sqlerr.NotExist("Warehouse", from)
	}
	if w.Name != from {
		if _, ok := c.warehouses[w.Name]; ok {
			return "", sqlerr.Exists(w.Name)
		}
		if err := c.store.RenameWarehouse(ctx, from, w.Name); err != nil {
			return "", err
		}
		c.moveGrants("WAREHOUSE", from, w.Name)
		delete(c.warehouses, from)
	} else if err := c.store.PutWarehouse(ctx, w); err != nil {
		return "", err
	}
	c.warehouses[w.Name] = w
	return done, nil
}

// moveGrants gives an account object's grants its new name in memory; the caller holds mu and the store has done the same.
func (c *Catalog) moveGrants(kind, from, to string) {
	held := c.grants[objectKey{kind, from}]
	delete(c.grants, objectKey{kind, from})
	for _, g := range held {
		g.Object, g.Name = to, to
		c.addGrant(g)
	}
	c.changed()
}

func (c *Catalog) dropWarehouse(ctx context.Context, sc *statement.Context, st *sql.Drop) (string, error) {
	w, err := c.warehouse(ctx, sc, st.Name, "OWNERSHIP")
	if err != nil {
		if st.IfExists && sqlerr.Is(err, 2003) {
			return fmt.Sprintf("Drop statement executed successfully (%s already dropped).", st.Name.Parts[0].Name), nil
		}
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.store.DropWarehouse(ctx, w.Name); err != nil {
		return "", err
	}
	delete(c.warehouses, w.Name)
	c.forgetGrants("WAREHOUSE", w.Name)
	return fmt.Sprintf("%s successfully dropped.", w.Name), nil
}

var warehouseColumns = []result.Column{
	result.TextColumn("name"), result.TextColumn("state"), result.TextColumn("type"), result.TextColumn("size"), result.IntColumn("min_cluster_count"),
	result.IntColumn("max_cluster_count"), result.IntColumn("started_clusters"), result.IntColumn("running"), result.IntColumn("queued"),
	result.TextColumn("is_default"), result.TextColumn("is_current"), result.TextColumn("is_interactive"), result.TextColumn("auto_suspend"), result.TextColumn("auto_resume"),
	result.TextColumn("available"), result.TextColumn("provisioning"), result.TextColumn("quiescing"), result.TextColumn("other"),
	result.TimeColumn("created_on"), result.TimeColumn("resumed_on"), result.TimeColumn("updated_on"), result.TextColumn("owner"), result.TextColumn("comment"),
	result.TextColumn("enable_query_acceleration"), result.IntColumn("query_acceleration_max_scale_factor"), result.TextColumn("resource_monitor"),
	result.TextColumn("scaling_policy"), result.TextColumn("owner_role_type"), result.TextColumn("resource_constraint"), result.TextColumn("generation"),
}

func (c *Catalog) showWarehouses(_ context.Context, sc *statement.Context, st *sql.Show) ([][]any, error) {
	roles := c.acts(sc.Role)
	c.mu.RLock()
	list := slices.SortedFunc(maps.Values(c.warehouses), func(a, b store.Warehouse) int { return strings.Compare(a.Name, b.Name) })
	def := c.users[sc.User].Settings["DEFAULT_WAREHOUSE"]
	c.mu.RUnlock()
	f := newFilter(st)
	var out [][]any
	for _, w := range list {
		if f.full(len(out)) {
			break
		}
		if !f.name(w.Name) || !c.sees(roles, "WAREHOUSE", w.Name, w.Owner) {
			continue
		}
		get := func(name, def string) string {
			if v := w.Settings[name]; v != "" {
				return v
			}
			return def
		}
		out = append(out, []any{w.Name, "STARTED", get("WAREHOUSE_TYPE", "STANDARD"), get("WAREHOUSE_SIZE", "X-Small"), number(get("MIN_CLUSTER_COUNT", "1")),
			number(get("MAX_CLUSTER_COUNT", "1")), int64(1), int64(0), int64(0), yn(w.Name == def), yn(w.Name == sc.Warehouse), "N", get("AUTO_SUSPEND", "600"),
			strings.ToLower(get("AUTO_RESUME", "true")), "100", "", "", "", w.Created, w.Created, w.Updated, w.Owner, w.Comment,
			strings.ToLower(get("ENABLE_QUERY_ACCELERATION", "false")), number(get("QUERY_ACCELERATION_MAX_SCALE_FACTOR", "8")), "null",
			get("SCALING_POLICY", "STANDARD"), "ROLE", nullable(w.Settings["RESOURCE_CONSTRAINT"]), nullable(w.Settings["GENERATION"])})
	}
	return out, nil
}

func number(s string) any {
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
		return nil
	}
	return n
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

var describeWarehouseColumns = []result.Column{result.TimeColumn("created_on"), result.TextColumn("name"), result.TextColumn("kind")}

func (c *Catalog) describeWarehouse(ctx context.Context, sc *statement.Context, st *sql.Describe) ([][]any, error) {
	w, err := c.warehouse(ctx, sc, st.Name, "USAGE")
	if err != nil {
		return nil, err
	}
	return [][]any{{w.Created, w.Name, "WAREHOUSE"}}, nil
}
