package admin

import (
	"encoding/json"
	"strings"

	"sitesync/shared/sitesync"
	"sitesync/shared/topic"
)

// request is the payload of a command.
type request struct {
	ID      string
	Args    json.RawMessage
	unknown string // a member that requests do not have
}

// parseRequest reads {"id":"…","args":{…}}. The ID may be left out where MQTT 5
// correlation data tells the caller which answer is which. With an error the
// request has no ID.
func parseRequest(payload []byte, correlated bool) (request, error) {
	const next = `send {"id":"…","args":{…}}, the id of 1 to 64 of A-Z a-z 0-9 . _ -`
	members, err := object(payload)
	if err != nil || members == nil && len(payload) > 0 {
		return request{}, sitesync.Errorf(sitesync.CodeInvalid, next, "the request is not a JSON object")
	}
	var req request
	id, given := members["id"]
	switch {
	case given:
		err = json.Unmarshal(id, &req.ID)
		if err == nil {
			err = sitesync.CheckCommandID(req.ID)
		}
	case !correlated:
		return request{}, invalid("id", next, "the request has no id")
	}
	if err != nil {
		return request{}, invalid("id", next, "the id of the request cannot be used")
	}
	req.Args = members["args"]
	for name := range members {
		if name != "id" && name != "args" {
			req.unknown = name
		}
	}
	return req, nil
}

// noID stands in reply topics for the ID of a request that has none.
const noID = "_"

// replyTopic is where the answer goes: below reply/{user}/ in any case. Error:
// forbidden, for a response topic elsewhere.
func replyTopic(user, id, responseTopic string) (string, error) {
	if id == "" {
		id = noID
	}
	own := topic.Topic{Kind: topic.Reply, Name: user, ID: id}.String()
	if responseTopic == "" {
		return own, nil
	}
	if t := topic.Parse(responseTopic); t.Kind != topic.Reply || t.Name != user {
		return own, sitesync.Errorf(sitesync.CodeForbidden, "use a response topic below "+strings.TrimSuffix(topic.Replies(user), "#"),
			"answers do not go to the response topic of the request")
	}
	return responseTopic, nil
}

func forbidden(r Right) error {
	return sitesync.Errorf(sitesync.CodeForbidden, "ask an administrator, or use another user or token", "this command needs the %s right", r)
}

// unknownCommand offers the commands with the nearest names.
func unknownCommand(name string) error {
	const asFar = 3
	near := ""
	if len(name) <= 64 {
		best := asFar + 1
		for _, cmd := range table {
			if d := distance(name, cmd.Name); d < best {
				best, near = d, cmd.Name
			}
		}
	}
	if near == "" {
		near = strings.Join(inGroup(name), ", ")
	}
	return sitesync.Errorf(sitesync.CodeUnknownCommand, "did you mean "+near+"?", "there is no command %q", clip(name))
}

// inGroup lists the commands of the group a name begins with, or the groups.
func inGroup(name string) (names []string) {
	group, _, _ := strings.Cut(name, ".")
	var groups []string
	for _, cmd := range table {
		g, _, _ := strings.Cut(cmd.Name, ".")
		if g == group {
			names = append(names, cmd.Name)
		}
		if len(groups) == 0 || groups[len(groups)-1] != g+".…" {
			groups = append(groups, g+".…")
		}
	}
	if names == nil {
		return groups
	}
	return names
}

// distance is the number of bytes to insert, remove or replace to make b of a
// (Levenshtein, 1965).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
