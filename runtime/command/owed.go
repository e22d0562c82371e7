package command

import (
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/sirupsen/logrus"
)

const owedFlag = "owed"

// finishOwed starts another berth to finish deletes that are due, if there are any. It does not
// wait, because this command has nothing to do with those deletes.
func finishOwed(command string, globals []string) {
	if !slices.Contains([]string{"create", "run", "delete"}, command) || !opened.own.Owes() {
		return
	}
	program, err := os.Executable()
	if err == nil {
		err = keepDescriptors()
	}
	if err == nil {
		cmd := exec.Command(program, append(slices.Clone(globals), "doctor", "--"+owedFlag)...)
		// A session of its own: what ends this command's process group must not end it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		err = cmd.Start()
	}
	if err != nil {
		logrus.Debugf("start another berth to finish deletes: %v", err)
	}
}
