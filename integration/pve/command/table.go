//go:build linux

package command

import (
	"github.com/berth-oci/berth/integration/pve/ctconf"
	"github.com/berth-oci/berth/integration/pve/schema"
)

// vmid describes the ID of a guest: 100 to 999999999.
func vmid() *schema.Prop {
	return &schema.Prop{
		Type: schema.Integer, Format: "pve-vmid", Min: schema.Limit(100), Max: schema.Limit(999999999),
	}
}

func boolean() *schema.Prop { return &schema.Prop{Type: schema.Boolean, Optional: true} }

func text() *schema.Prop { return &schema.Prop{Type: schema.String} }

func optional(p *schema.Prop) *schema.Prop {
	p.Optional = true
	return p
}

func number(least float64) *schema.Prop {
	return &schema.Prop{Type: schema.Integer, Min: schema.Limit(least), Optional: true}
}

func format(name string) *schema.Prop {
	return &schema.Prop{Type: schema.String, Format: name, Optional: true}
}

func snapname() *schema.Prop {
	return &schema.Prop{Type: schema.String, Format: "pve-configid", MaxLength: 40}
}

// of returns the option vmid and more options.
func of(more schema.Object) schema.Object { return schema.Object{"vmid": vmid()}.With(more) }

var id = []string{"vmid"}

func createOptions() schema.Object {
	return ctconf.CommandOptions(of(schema.Object{
		"ostemplate":           {Type: schema.String, MaxLength: 255},
		"password":             {Type: schema.String, MinLength: 5, Optional: true},
		"storage":              format("pve-storage-id"),
		"force":                boolean(),
		"restore":              boolean(),
		"unique":               {Type: schema.Boolean, Requires: "restore", Optional: true},
		"pool":                 format("pve-poolid"),
		"ignore-unpack-errors": boolean(),
		"ssh-public-keys":      optional(text()),
		"bwlimit":              {Type: schema.Number, Min: schema.Limit(0), Optional: true},
		"start":                boolean(),
		"ha-managed":           boolean(),
	}))
}

func setOptions() schema.Object {
	return ctconf.CommandOptions(of(schema.Object{
		"delete": format("pve-configid-list"),
		"revert": format("pve-configid-list"),
		"digest": {Type: schema.String, MaxLength: 40, Optional: true},
	}))
}

var fileOptions = schema.Object{"perms": optional(text())}

// commands are those that berth, its tests, or an administrator through "berth pct" call. The real
// pct has more. Each that is missing here fails as an unknown word does.
var commands map[string]*definition

func init() {
	commands = map[string]*definition{
		"list":    {options: schema.Object{}, front: list},
		"status":  {positionals: id, options: of(schema.Object{"verbose": boolean()}), front: status},
		"config":  {positionals: id, options: of(schema.Object{"current": boolean()}), front: config},
		"pending": {positionals: id, options: of(nil), front: pending},
		"df":      {positionals: id, options: of(nil), front: df},

		"create": {positionals: []string{"vmid", "ostemplate"}, lazy: createOptions,
			front: prepareCreate, kind: "vzcreate", work: create},
		"restore": {positionals: []string{"vmid", "ostemplate"}, lazy: createOptions,
			front: prepareRestore, kind: "vzrestore", work: restore},
		"destroy": {positionals: id, options: of(schema.Object{
			"force": boolean(), "purge": boolean(), "destroy-unreferenced-disks": boolean(),
		}), front: checkDestroy, kind: "vzdestroy", work: destroy},
		"set":    {positionals: id, lazy: setOptions, front: set},
		"unlock": {positionals: id, options: of(nil), front: unlock},

		"start": {positionals: id, options: of(schema.Object{"skiplock": boolean(), "debug": boolean()}),
			front: checkStart, kind: "vzstart", work: start},
		"stop": {positionals: id, options: of(schema.Object{"skiplock": boolean(), "overrule-shutdown": boolean()}),
			front: mustRun, kind: "vzstop", work: stop},
		"shutdown": {positionals: id, options: of(schema.Object{"timeout": number(0), "forceStop": boolean()}),
			front: mustRun, kind: "vzshutdown", work: shutdown},

		"exec": {positionals: []string{"vmid", schema.ExtraArgs},
			options: of(schema.Object{"keep-env": boolean()}), front: execute},
		"enter": {positionals: id, options: of(schema.Object{"keep-env": boolean()}), front: enter},
		"console": {positionals: id, options: of(schema.Object{
			"escape": {Type: schema.String, Pattern: `^\^?[a-z]$`, Optional: true},
		}), front: console},
		"push": {positionals: []string{"vmid", "file", "destination"},
			options: of(fileOptions.With(schema.Object{"file": text(), "destination": text()})),
			front:   checkPush, kind: "push_file", work: push},
		"pull": {positionals: []string{"vmid", "path", "destination"},
			options: of(fileOptions.With(schema.Object{"path": text(), "destination": text()})),
			front:   checkPull, kind: "pull_file", work: pull},
	}
	addSnapshots()
}
