package initproc

import "os"

const (
	// processName is the init process's name until it execs.
	processName = "berth-init"
	// socketVar carries the number of the socket's descriptor to the init process.
	socketVar = "_BERTH_INIT_SOCKET"
)

// execVar tells a re-executed berth to be the helper of Exec.
const execVar = "_BERTH_INIT_EXEC"

// forkVar tells a process that has just joined a namespace to fork the init process as its sibling.
// Its value is the needed part of a Config, in JSON.
const forkVar = "_BERTH_INIT_FORK"

// initEnv returns the few variables of berth's environment that the init process may need. The
// user's process gets its environment from config.json alone.
func initEnv() []string {
	env := []string{"GOMAXPROCS=1", "GOGC=off"}
	if v, ok := os.LookupEnv("GOCOVERDIR"); ok {
		env = append(env, "GOCOVERDIR="+v)
	}
	return env
}
