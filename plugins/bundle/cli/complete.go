package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// shells have scripts that ask the executable itself what could come next, by its command
// complete. NAME stands for that of the executable.
func shells() map[string]string {
	return map[string]string{
		"bash": `_NAME() {
	mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _NAME NAME
`,
		"fish": `complete -c NAME -f -a '(
	set -l candidates (NAME complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
	if count $candidates >/dev/null
		string split \n -- $candidates
	else
		__fish_complete_path (commandline -ct)
	end)'
`,
		"zsh": `#compdef NAME
_NAME() {
	local -a candidates
	candidates=("${(@f)$(NAME complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	compadd -a candidates || _files
}
if [ "$funcstack[1]" = _NAME ]; then _NAME; else compdef _NAME NAME; fi
`,
	}
}

// completion is the command that prints the script of a shell.
func (p Program) completion() Command {
	names := func() []string { return slices.Sorted(maps.Keys(shells())) }
	return Command{
		Name: "completion", Arguments: strings.Join(names(), "|"),
		Summary:    "print what completes the arguments in a shell",
		Details:    fmt.Sprintf("For bash: source <(%s completion bash)", p.Name),
		Candidates: names,
		Run: func(args []string) error {
			if len(args) != 1 || shells()[args[0]] == "" {
				return fmt.Errorf("%w: name one shell of %s", plugin.ErrUsage, strings.Join(names(), ", "))
			}
			fmt.Print(strings.ReplaceAll(shells()[args[0]], "NAME", p.Name))
			return nil
		},
	}
}

// complete is the command that prints what the last of some words could become.
func (p Program) complete() Command {
	return Command{Name: "complete", Raw: true, hidden: true, Run: func(words []string) error {
		if len(words) == 0 {
			words = []string{""}
		}
		last := words[len(words)-1]
		for _, candidate := range p.candidates(words[:len(words)-1], last) {
			if strings.HasPrefix(candidate, last) {
				fmt.Println(candidate)
			}
		}
		return nil
	}}
}

func (p Program) candidates(before []string, last string) []string {
	var all []string
	if len(before) == 0 {
		for _, c := range p.shown() {
			all = append(all, c.Name)
		}
		return append(append(all, "help"), p.plugins()...)
	}
	c := p.find(before[0])
	switch {
	case c == nil && before[0] == "help" && len(before) == 1:
		return p.candidates(nil, last)
	case c == nil:
		return nil
	case strings.HasPrefix(last, "-"):
		for _, f := range c.described() {
			all = append(all, "--"+f.name)
		}
	case c.Candidates != nil:
		_ = c.flags().Parse(before[1:]) // which may say where to look
		return c.Candidates()
	}
	return all
}
