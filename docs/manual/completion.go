package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// takesContainer is true if a command's first argument is an existing container.
func takesContainer(c *cli.Command) bool {
	return strings.HasPrefix(c.ArgsUsage, "<container-id>") && c.Name != "create" && c.Name != "run" && c.Name != "restore"
}

// takesBundle is true if a command's argument is the directory of a bundle.
func takesBundle(c *cli.Command) bool { return strings.Contains(c.ArgsUsage, "bundle") }

func flagWords(flags []cli.Flag) string {
	var words []string
	for _, o := range options(flags) {
		words = append(words, o.words()...)
	}
	return strings.Join(words, " ")
}

// valued returns the flags that take the next word as their value, as a pattern of alternatives.
func valued(flags []cli.Flag) string {
	var words []string
	for _, o := range options(flags) {
		if o.value != "" {
			words = append(words, o.words()...)
		}
	}
	return strings.Join(words, "|")
}

// bash returns a completion script for bash. The script calls berth only for the ids of containers.
func bash(a *cli.App) []byte {
	var b bytes.Buffer
	b.WriteString("# bash completion for berth\n_berth() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} command= i word\n\tlocal -a root=()\n" +
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tword=${COMP_WORDS[i]}\n\t\tcase $word in\n" +
		"\t\t--root) root=(--root \"${COMP_WORDS[i + 1]}\"); ((i++)) ;;\n")
	fmt.Fprintf(&b, "\t\t%s) ((i++)) ;;\n", strings.ReplaceAll(valued(a.Flags), "--root|", ""))
	b.WriteString("\t\t-*) ;;\n\t\t*) command=$word; break ;;\n\t\tesac\n\tdone\n\tlocal flags= ids= bundle=\n\tcase $command in\n")
	var names []string
	for _, c := range a.Commands {
		names = append(names, c.Name)
	}
	fmt.Fprintf(&b, "\t\"\") flags='%s %s' ;;\n", strings.Join(names, " "), flagWords(a.Flags))
	for _, c := range a.Commands {
		fmt.Fprintf(&b, "\t%s) flags='%s'", c.Name, flagWords(c.Flags))
		if takesContainer(c) {
			b.WriteString(" ids=1")
		}
		if takesBundle(c) {
			b.WriteString(" bundle=1")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\tesac\n\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n" +
		"\t--bundle|-b|--root) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n" +
		"\t--backend) COMPREPLY=($(compgen -W 'lxc pct crun runc jail' -- \"$cur\")); return ;;\n" +
		"\t--log|--config|--pid-file|--console-socket|--process|--resources) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n\tesac\n" +
		"\tif [[ $ids && $cur != -* ]]; then\n\t\tflags=$(berth \"${root[@]}\" list --quiet 2>/dev/null)\n\tfi\n" +
		"\tif [[ $bundle && $cur != -* ]]; then\n\t\tCOMPREPLY=($(compgen -d -- \"$cur\"))\n\t\treturn\n\tfi\n" +
		"\tCOMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n}\ncomplete -F _berth berth berth-lxc berth-pct berth-crun berth-runc\n")
	return b.Bytes()
}

// zsh returns a completion script for zsh, which also describes the commands.
func zsh(a *cli.App) []byte {
	var b bytes.Buffer
	b.WriteString("#compdef berth berth-lxc berth-pct berth-crun berth-runc\n_berth() {\n\tlocal -a commands=(\n")
	for _, c := range a.Commands {
		fmt.Fprintf(&b, "\t\t%s\n", quoted(c.Name+":"+strings.ReplaceAll(c.Usage, ":", `\:`)))
	}
	b.WriteString("\t)\n\tlocal -a ids\n\tif ((CURRENT == 2)); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in\n")
	for _, c := range a.Commands {
		fmt.Fprintf(&b, "\t%s)", c.Name)
		if words := flagWords(c.Flags); words != "" {
			fmt.Fprintf(&b, " compadd -- %s;", words)
		}
		switch {
		case takesContainer(c):
			b.WriteString(" ids=(${(f)\"$(berth list --quiet 2>/dev/null)\"}); compadd -a ids")
		case takesBundle(c):
			b.WriteString(" _files -/")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\tesac\n}\n_berth \"$@\"\n")
	return b.Bytes()
}

func fish(a *cli.App) []byte {
	var b bytes.Buffer
	b.WriteString("# fish completion for berth\ncomplete -c berth -f\n")
	for _, c := range a.Commands {
		fmt.Fprintf(&b, "complete -c berth -n __fish_use_subcommand -a %s -d %s\n", c.Name, quoted(c.Usage))
		if takesContainer(c) {
			fmt.Fprintf(&b, "complete -c berth -n '__fish_seen_subcommand_from %s' -a '(berth list --quiet 2>/dev/null)'\n", c.Name)
		}
		for _, o := range options(c.Flags) {
			fmt.Fprintf(&b, "complete -c berth -n '__fish_seen_subcommand_from %s'", c.Name)
			for _, n := range o.names {
				if strings.HasPrefix(n, "--") {
					fmt.Fprintf(&b, " -l %s", n[2:])
				} else {
					fmt.Fprintf(&b, " -s %s", n[1:])
				}
			}
			if o.value != "" {
				b.WriteString(" -r")
			}
			fmt.Fprintf(&b, " -d %s\n", quoted(o.usage))
		}
	}
	return b.Bytes()
}

// quoted quotes a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
