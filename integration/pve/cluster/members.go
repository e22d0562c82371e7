package cluster

import (
	"encoding/json"
	"fmt"
)

// members is the content of .members as pmxcfs shows it on a node of a cluster.
type members struct {
	Node    string `json:"nodename"`
	Version int    `json:"version"`
	Cluster struct {
		Name    string `json:"name"`
		Version int    `json:"version"`
		Nodes   int    `json:"nodes"`
		Quorate int    `json:"quorate"`
	} `json:"cluster"`
	Nodes map[string]member `json:"nodelist"`
}

type member struct {
	ID     int    `json:"id"`
	Online int    `json:"online"`
	IP     string `json:"ip"`
}

// ShowMembers rewrites .members according to the quorum in the settings.
func (c *Cluster) ShowMembers() error {
	m := members{Node: c.host.Node, Version: 2, Nodes: map[string]member{c.host.Node: {ID: 1, Online: 1, IP: "192.0.2.1"}}}
	m.Cluster.Name, m.Cluster.Version, m.Cluster.Nodes, m.Cluster.Quorate = "standin", 1, 1, 1
	if c.host.Settings.NoQuorum {
		m.Cluster.Quorate = 0
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("list of nodes: %w", err)
	}
	return replace(c.path(".members"), append(data, '\n'), 0o440)
}
