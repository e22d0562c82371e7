package record

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Save writes v, encoded by Marshal, to a file that only its owner can read. A reader sees either
// the old content or the new, never a part.
func Save(file string, v any) error {
	data, err := Marshal(v)
	if err != nil {
		return err
	}
	return renameio.WriteFile(file, data, 0o600, renameio.WithTempDir(filepath.Dir(file)))
}

// Load reads a file that Save wrote. The error names the file. It wraps that of os.ReadFile or of
// Unmarshal.
func Load(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Data decodes the data of a backend in a record. It leaves v alone if the record has none yet. The
// error wraps ErrDamaged.
func Data(data []byte, v any) error {
	if len(data) == 0 {
		return nil
	}
	if err := Strictly(data, v); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}
