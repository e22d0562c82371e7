package spec

// JailOn holds the permissions of freebsd.jail.allow that a jail has unless they
// are taken from it; nil where the config does not say. The specification's text
// is at odds with itself about their defaults ("with the exception of setHostname
// and reservedPorts … off by default", "defaults to false"), so that what is not
// said is left to the system.
type JailOn struct {
	SetHostname   *bool `json:"setHostname"`
	ReservedPorts *bool `json:"reservedPorts"`
	Suser         *bool `json:"suser"`
}

// JailDefaults reads them from the bytes of a config.json: a Spec does not tell
// false from nothing.
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
