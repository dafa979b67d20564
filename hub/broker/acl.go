package broker

import (
	"strings"

	"sitesync/shared/topic"
)

// mayPublish says whether c may speak on a topic.
func (c *Client) mayPublish(t topic.Topic) bool {
	if c.Kind == Person {
		return t.Kind == topic.Admin
	}
	switch t.Kind {
	case topic.Hello:
		return t.Client == c.ClientID
	case topic.Push, topic.Pull, topic.ResyncRequest, topic.Handover, topic.CommandResult:
		return !c.Refused && t.Site == c.Site
	}
	return false
}

// maySubscribe says whether c may use a filter. It decides by what the filter
// can match: the few filters with wildcards are known one by one, any other
// must be a topic that c may hear, and the rest is refused.
func (c *Client) maySubscribe(filter string) bool {
	if c.Kind == Person {
		return filter == topic.AllStatus || filter == topic.AllEvents || filter == allEventLevels ||
			c.mayHear(topic.Parse(filter)) || c.repliesOnly(filter)
	}
	return filter == topic.AllResyncs(c.Site) && !c.Refused || c.mayHear(topic.Parse(filter))
}

// allEventLevels is the filter of one who writes # for +.
const allEventLevels = topic.Prefix + "/event/#"

// mayHear says whether messages on a topic are meant for c.
func (c *Client) mayHear(t topic.Topic) bool {
	if c.Kind == Person {
		switch t.Kind {
		case topic.Status, topic.Event:
			return true
		case topic.Reply:
			return t.Name == c.Name
		}
		return false
	}
	switch t.Kind {
	case topic.Welcome:
		return t.Client == c.ClientID
	case topic.Receipt, topic.Changes, topic.Assignment, topic.Resync, topic.Hint, topic.Command:
		return !c.Refused && t.Site == c.Site
	}
	return false
}

// repliesOnly says whether a filter with wildcards stays below the person's
// own reply topic.
func (c *Client) repliesOnly(filter string) bool {
	own := strings.TrimSuffix(topic.Replies(c.Name), "#")
	rest, ok := strings.CutPrefix(filter, own)
	return ok && wellFormed(rest)
}

// wellFormed holds the levels of a filter against MQTT 4.7.1: a wildcard fills
// its level, and # is the last.
func wellFormed(filter string) bool {
	for level, rest, more := strings.Cut(filter, "/"); ; level, rest, more = strings.Cut(rest, "/") {
		if len(level) > 1 && strings.ContainsAny(level, "+#") || level == "#" && more {
			return false
		}
		if !more {
			return filter != ""
		}
	}
}

// matches says whether a filter that maySubscribe let pass covers a topic.
func matches(filter, name string) bool {
	for {
		want, filterRest, filterMore := strings.Cut(filter, "/")
		if want == "#" {
			return true
		}
		level, nameRest, nameMore := strings.Cut(name, "/")
		if want != "+" && want != level {
			return false
		}
		if !filterMore || !nameMore {
			return filterMore == nameMore || filterMore && filterRest == "#"
		}
		filter, name = filterRest, nameRest
	}
}
