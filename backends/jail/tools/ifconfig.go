package tools

import "net/netip"

// GiveInterface moves a network interface into the vnet of a jail.
func GiveInterface(name, jail string) Command { return Command{"ifconfig", name, "vnet", jail} }

// TakeInterface moves a network interface from a jail's vnet back to the host.
func TakeInterface(name, jail string) Command { return Command{"ifconfig", name, "-vnet", jail} }

// AddAlias adds an address to a network interface, as jail(8) does for its parameter interface.
func AddAlias(name string, address netip.Addr) Command { return alias(name, address, "alias") }

// RemoveAlias removes the address that AddAlias added.
func RemoveAlias(name string, address netip.Addr) Command { return alias(name, address, "-alias") }

func alias(name string, address netip.Addr, how string) Command {
	if address.Is4() {
		return Command{"ifconfig", name, "inet", address.String(), "netmask", "255.255.255.255", how}
	}
	return Command{"ifconfig", name, "inet6", address.String(), "prefixlen", "128", how}
}
