package admin

import "slices"

// Described is a command as hub.help describes it.
type Described struct {
	Command   string              `json:"command"`
	Right     string              `json:"right"` // viewer, data or admin
	About     string              `json:"about"`
	Arguments []DescribedArgument `json:"arguments"`
	Example   string              `json:"example"` // arguments, as JSON
}

// DescribedArgument is an argument of a command.
type DescribedArgument struct {
	Name     string `json:"name"`
	Takes    string `json:"takes"`
	Required bool   `json:"required"`
	About    string `json:"about"`
}

// help is what hub.help takes.
type help struct {
	Command string `json:"command,omitempty" about:"only this command"`
}

func (c *call) help(in help) (out Page[Described], err error) {
	commands := table
	if in.Command != "" {
		i := slices.IndexFunc(table, func(cmd Command) bool { return cmd.Name == in.Command })
		if i < 0 {
			return out, inField(unknownCommand(in.Command), "command")
		}
		commands = table[i : i+1]
	}
	for i := range commands {
		if _, err := out.add(commands[i].describe()); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (cmd *Command) describe() Described {
	d := Described{Command: cmd.Name, Right: cmd.Right.String(), About: cmd.About, Arguments: []DescribedArgument{}, Example: cmd.Example}
	for _, f := range cmd.Fields() {
		d.Arguments = append(d.Arguments, DescribedArgument{Name: f.Name, Takes: expected(f.Type), Required: f.Required, About: f.About})
	}
	return d
}
