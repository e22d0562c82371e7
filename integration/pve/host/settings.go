package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// SettingsFile holds the settings. They are in a file because callers run pct with an empty
// environment.
const SettingsFile = "/etc/pve-standin.json"

// Settings are the settings of the stand-in. The zero value is a healthy, fast node named after its
// host.
type Settings struct {
	Node string `json:"node,omitempty"`

	// NoQuorum makes /etc/pve read-only for pct. PmxcfsDown makes it unreachable.
	NoQuorum   bool `json:"no_quorum,omitempty"`
	PmxcfsDown bool `json:"pmxcfs_down,omitempty"`

	// Latency is added where the real pct spends time.
	Latency Latency `json:"latency"`

	// Timeouts in milliseconds. 0 means Proxmox's own: 5000 (create), 10000 (others), 10000
	// (start).
	CreateLockTimeout int `json:"create_lock_timeout_ms,omitempty"`
	LockTimeout       int `json:"lock_timeout_ms,omitempty"`
	StartTimeout      int `json:"start_timeout_ms,omitempty"`

	// WorkerDiesOfSigpipe makes a worker whose front was killed die at its next line of output, as
	// a Perl worker does. Otherwise the worker runs to its end.
	WorkerDiesOfSigpipe bool `json:"worker_dies_of_sigpipe,omitempty"`
	// PauseAfterLock (milliseconds) pauses create after it has written `lock: create`, for tests
	// that kill pct there.
	PauseAfterLock int `json:"pause_after_lock_ms,omitempty"`
}

// fromEnvironment applies the settings that environment variables change.
func (s *Settings) fromEnvironment() {
	for name, target := range map[string]*bool{
		"PVE_STANDIN_NO_QUORUM":   &s.NoQuorum,
		"PVE_STANDIN_PMXCFS_DOWN": &s.PmxcfsDown,
	} {
		if v := os.Getenv(name); v != "" {
			*target = v == "1"
		}
	}
	if pause, err := strconv.Atoi(os.Getenv("PVE_STANDIN_PAUSE_AFTER_LOCK")); err == nil {
		s.PauseAfterLock = pause
	}
	if os.Getenv("PVE_STANDIN_LATENCY") == "measured" {
		s.Latency = Measured()
	}
}

func readSettings(path string) (Settings, error) {
	var s Settings
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return s, fmt.Errorf("read the stand-in's settings: %w", err)
	default:
		if err := json.Unmarshal(raw, &s); err != nil {
			return s, fmt.Errorf("read the stand-in's settings %s: %w", path, err)
		}
	}
	s.fromEnvironment()
	return s, nil
}

// Save writes the settings for later calls.
func (h *Host) Save(s Settings) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	temporary := h.Path(SettingsFile) + ".new"
	if err := os.WriteFile(temporary, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the stand-in's settings: %w", err)
	}
	return os.Rename(temporary, h.Path(SettingsFile))
}
