package spec

// JailOn holds the permissions in freebsd.jail.allow that a jail has by default. A field is nil if
// the config does not set it. The text of the specification contradicts itself about their defaults
// ("with the exception of setHostname and reservedPorts … off by default", "defaults to false"), so
// an unset permission is left to the system.
type JailOn struct {
	SetHostname   *bool `json:"setHostname"`
	ReservedPorts *bool `json:"reservedPorts"`
	Suser         *bool `json:"suser"`
}

// JailDefaults reads a JailOn from the bytes of a config.json, because a Spec does not distinguish
// false from absent.
func JailDefaults(config []byte) JailOn {
	var c struct {
		FreeBSD struct {
			Jail struct {
				Allow JailOn `json:"allow"`
			} `json:"jail"`
		} `json:"freebsd"`
	}
	decode(config, "", &c)
	return c.FreeBSD.Jail.Allow
}
