package command

import (
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/sirupsen/logrus"
)

const owedFlag = "owed"

// finishOwed starts another berth for what deletes could not finish, if there is
// anything, and does not wait for it: this command has nothing to do with that.
func finishOwed(command string, globals []string) {
	if !slices.Contains([]string{"create", "run", "delete"}, command) || !opened.Owes() {
		return
	}
	program, err := os.Executable()
	if err == nil {
		err = keepDescriptors()
	}
	if err == nil {
		cmd := exec.Command(program, append(slices.Clone(globals), "doctor", "--"+owedFlag)...)
		// Of its own, so that what ends this command's group does not end it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		err = cmd.Start()
	}
	if err != nil {
		logrus.Debugf("what is owed is left: %v", err)
	}
}
