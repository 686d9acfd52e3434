package parent

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// The test binary starts itself as what the parent starts: role says as what.
const roleVariable = "SLUICE_PARENT_TEST"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "startup":
		fmt.Println("checked everything") // lint:allow a program of its own
		fmt.Fprint(os.Stderr, os.Getenv("SLUICE_PARENT_TEXT"))
		code, _ := strconv.Atoi(os.Getenv("SLUICE_PARENT_CODE"))
		os.Exit(code)
	case "startup-slow":
		fmt.Println("checking") // lint:allow a program of its own
		time.Sleep(time.Hour)
	case "parent":
		os.Exit(runAsParent())
	case "heir":
		os.Exit(runAsHeir())
	default:
		os.Exit(fakeWorker(role))
	}
}
