package api

import "time"

// Cluster is how the daemon stands among the hosts that run models together.
type Cluster struct {
	Role      string   `json:"role"` // coordinator or member
	Name      string   `json:"name"`
	URL       string   `json:"url,omitempty"`
	Connected bool     `json:"connected"`
	Rejoins   uint64   `json:"rejoins"`           // connections lost and found again
	Members   []Member `json:"members,omitempty"` // on the coordinator
}

// Member is a host of the cluster that computes experts.
type Member struct {
	Name    string    `json:"name"`
	Version string    `json:"version,omitempty"`
	Kernels string    `json:"kernels,omitempty"`
	Threads int       `json:"threads,omitempty"`
	Room    int64     `json:"room_bytes"` // of memory for experts
	Seen    time.Time `json:"seen,omitzero"`
	Models  []Holding `json:"models,omitempty"`
	Refused string    `json:"refused,omitempty"` // why it is not asked
}

// Holding is a model of which a member may compute experts.
type Holding struct {
	Name     string `json:"name"`
	Room     int64  `json:"room_bytes"`
	Experts  int    `json:"experts"`            // in its memory
	Revision uint64 `json:"revision,omitempty"` // of the plan that it follows
}

// Host is what became of a model's requests to another host.
type Host struct {
	Name     string  `json:"name"`
	State    string  `json:"state"` // ready, untried, resting, refused or absent
	Why      string  `json:"why,omitempty"`
	Asked    int64   `json:"asked"`
	Late     int64   `json:"late"`
	Failed   int64   `json:"failed"`
	Experts  int64   `json:"experts"` // that it has computed
	Instead  int64   `json:"instead"` // that were computed here instead
	Hints    int64   `json:"hints"`   // of what it would be asked for, sent where it lacks room
	Sent     int64   `json:"sent_bytes"`
	Received int64   `json:"received_bytes"`
	P50      float64 `json:"p50_seconds"` // of a request for experts
	P99      float64 `json:"p99_seconds"`
	Moved    int64   `json:"moved"`            // tokens that went there for whole layers
	MoveP50  float64 `json:"move_p50_seconds"` // until one of them is back
	MoveP99  float64 `json:"move_p99_seconds"`
}

// Disk is one of the files that a model's experts are read from.
type Disk struct {
	Name   string  `json:"name,omitempty"` // "" is the model's own
	Path   string  `json:"path,omitempty"` // for administrators
	Down   bool    `json:"down"`           // experts are read from elsewhere
	Reads  int64   `json:"reads"`
	Bytes  int64   `json:"bytes"`
	Busy   float64 `json:"busy_seconds"`
	Failed int64   `json:"failed"`
}
