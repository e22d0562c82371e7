package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/berth-oci/berth/integration/freebsd/host"
)

func ifconfig(h *host.Host, args []string) (string, error) {
	if len(args) < 3 {
		return "", errors.New("usage: ifconfig")
	}
	i := h.Interfaces[args[0]]
	if i == nil || args[1] != "-vnet" && i.Jail != "" {
		return "", fmt.Errorf("interface %s does not exist", args[0])
	}
	switch args[1] {
	case "vnet", "-vnet":
		return "", vnet(h, i, args)
	case "inet", "inet6":
		if len(args) != 6 || args[3] != map[string]string{"inet": "netmask", "inet6": "prefixlen"}[args[1]] {
			return "", fmt.Errorf("%v: bad value", args[3:])
		}
		return "", alias(i, args[2], args[5])
	}
	return "", fmt.Errorf("%s: bad value", args[1])
}

func vnet(h *host.Host, i *host.Interface, args []string) error {
	j := h.Jails[args[2]]
	switch {
	case j == nil:
		return fmt.Errorf("jail %q not found", args[2])
	case j.Params["vnet"] != "new":
		return fmt.Errorf("SIOCSIFVNET (%s): Invalid argument", args[0])
	case args[1] == "vnet":
		i.Jail = args[2]
	case i.Jail != args[2]:
		return fmt.Errorf("SIOCSIFRVNET (%s): Device not configured", args[0])
	default:
		i.Jail = ""
	}
	return nil
}

func alias(i *host.Interface, address, how string) error {
	has := slices.Contains(i.Addresses, address)
	switch {
	case how == "alias" && has:
		return errors.New("ioctl (SIOCAIFADDR): File exists")
	case how == "alias":
		i.Addresses = append(i.Addresses, address)
	case how == "-alias" && !has:
		return errors.New("ioctl (SIOCDIFADDR): Can't assign requested address")
	case how == "-alias":
		i.Addresses = slices.DeleteFunc(i.Addresses, func(a string) bool { return a == address })
	default:
		return fmt.Errorf("%s: bad value", how)
	}
	return nil
}
