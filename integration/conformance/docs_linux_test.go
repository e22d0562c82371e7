//go:build linux && integration

package conformance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const preface = `# Conformance

This page says how berth treats each field of an OCI runtime configuration 1.3.0 for Linux, compared with runc and crun.
The tests write this page (integration/conformance, with -update) and fail if it is out of date.

For each field, runc, crun and berth make containers on the same host that differ from the usual container in this field. A
program in the container examines its mounts, namespaces, identity, capabilities, limits, descriptors, environment, files,
devices and sysctls, and what it may do.

- *Exact*: everything is the same as under runc, or as under crun if runc and crun differ.
- *As below*: there is a difference, which is listed below with its reason.
- *Refused*: create fails with an error that names the field.
- *Nobody*: neither runc nor crun nor berth accepts the field on the suite's host, which has no cgroup controllers.

The trials of linux.resources and AppArmor run again on a host with the controllers cpu, io, memory and pids
(TestControllers), which also compares all settings of the container's cgroup. With the crun backend, berth passes config.json
to crun or runc unchanged, and the suite requires the same results as without berth.

`

// checkDocs fails if docs/conformance.md differs from what the tests found. With -update it writes
// the file instead. It does nothing without -docs, or if only some of the trials were made.
func checkDocs(t *testing.T, list []trial, outcomes []map[string]outcome, found []difference) {
	t.Helper()
	if *docs == "" || *only != "" || *every > 1 {
		return
	}
	text := preface + fieldTable(t, list, outcomes, found) + differenceTable() + reasonTable()
	if *update {
		if err := os.WriteFile(*docs, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(*docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != text {
		a, b := strings.Split(string(data), "\n"), strings.Split(text, "\n")
		i := 0
		for i < min(len(a), len(b)) && a[i] == b[i] {
			i++
		}
		t.Errorf("docs/conformance.md is not what was found; from line %d:\n%s\nwant\n%s", i+1, strings.Join(a[i:min(i+3, len(a))], "\n"), strings.Join(b[i:min(i+3, len(b))], "\n"))
	}
}

// fieldTable returns the table that has a row for each field of the specification. It fails the
// test for a field that no test is about.
func fieldTable(t *testing.T, list []trial, outcomes []map[string]outcome, found []difference) string {
	t.Helper()
	var text strings.Builder
	before := cells()
	fmt.Fprintf(&text, "## Fields\n\n| field | %s | shown by |\n|---|%s---|\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	fields := specFields()
	byField := map[string][]int{}
	for i := range list {
		for _, field := range touched(list[i].name, outcomes[i]["runc"].config, outcomes[0]["runc"].config, fields) {
			byField[field] = append(byField[field], i)
		}
	}
	for _, field := range fields {
		trials := byField[field]
		var shown []string
		if len(trials) > 0 {
			word := "trials"
			if len(trials) == 1 {
				word = "trial"
			}
			shown = append(shown, fmt.Sprintf("%d %s", len(trials), word))
		}
		if other := testElsewhere(field); other != "" {
			shown = append(shown, other)
		}
		if len(shown) == 0 {
			t.Errorf("no test is about %s", field)
			continue
		}
		fmt.Fprintf(&text, "| %s |", strings.ReplaceAll(field, "|", "\\|"))
		for i, runtime := range columns {
			said := verdict(field, runtime, trials, list, outcomes, found)
			if row := before[field]; !slices.Contains(backendsUnderTest(), runtime) && len(row) > i {
				said = row[i]
			}
			fmt.Fprintf(&text, " %s |", said)
		}
		fmt.Fprintf(&text, " %s |\n", strings.Join(shown, ", "))
	}
	return text.String() + "\n"
}

// columns are the backends of the table. A column of a backend that this run does not test stays as
// it is.
var columns = []string{"berth-lxc", "berth-pct"}

// cells returns, by field, the cells that docs/conformance.md has for columns and for the column
// "shown by".
func cells() map[string][]string {
	data, _ := os.ReadFile(*docs)
	rows := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		if w := strings.Split(strings.TrimSpace(line), " | "); len(w) == len(columns)+2 {
			rows[strings.TrimPrefix(w[0], "| ")] = w[1:]
		}
	}
	return rows
}

// verdict returns in a few words how a backend treats a field.
func verdict(field, runtime string, trials []int, list []trial, outcomes []map[string]outcome, found []difference) string {
	made, differs, only := 0, 0, 0
	for _, i := range trials {
		if !outcomes[i][runtime].refused() {
			made++
		}
		for _, d := range found {
			if d.trial == list[i].name && d.runtime == runtime && d.key != "processes" {
				differs++
				if d.key == "outcome" && d.ours == "refused" {
					only++
				}
				break
			}
		}
	}
	switch {
	case made == 0 && only > 0:
		return "refused"
	case differs > 0:
		return "as below"
	case made > 0:
		return "exact"
	case testElsewhere(field) != "":
		return "see the test"
	}
	return "nobody"
}

// differenceTable returns the tables of all accepted differences, each with its reason.
func differenceTable() string {
	var text strings.Builder
	text.WriteString("## Differences\n")
	writeDifferences(&text, accepted)
	text.WriteString("\nOn a host with the cgroup controllers cpu, io, memory and pids and with AppArmor:\n")
	writeDifferences(&text, acceptedWithControllers)
	return text.String() + "\n"
}

func writeDifferences(text *strings.Builder, list []acceptance) {
	text.WriteString("\n| in the trials | what | why |\n|---|---|---|\n")
	for _, a := range list {
		what, where := a.keys, a.trials
		if what == "" {
			what = "all"
		}
		if where == "" {
			where = "all"
		}
		if a.runtime != "" {
			what += ", " + a.runtime
		}
		fmt.Fprintf(text, "| %s | %s | %s |\n", where, what, a.why)
	}
}

// reasonTable returns the table of the reasons for what the validation programs find.
func reasonTable() string {
	var text strings.Builder
	text.WriteString("## Validation programs\n\nThese programs of opencontainers/runtime-tools pass with runc or crun and fail with berth:\n\n| program | test | why |\n|---|---|---|\n")
	for _, r := range reasons {
		test := r.test
		if test == "" {
			test = "all"
		}
		fmt.Fprintf(&text, "| %s | %s | %s |\n", r.program, test, r.why)
	}
	return text.String()
}

// testElsewhere returns the other test that is about a field, or "".
func testElsewhere(field string) string {
	for _, e := range elsewhere {
		if strings.HasPrefix(field, e.prefix) {
			return e.test
		}
	}
	return ""
}
