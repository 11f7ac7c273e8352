module github.com/choria-io/go-updater/compat/v010

go 1.26.0

require (
	github.com/choria-io/go-updater v0.1.0
	github.com/stretchr/testify v1.12.0
)

require (
	github.com/sirupsen/logrus v1.9.0 // indirect
	golang.org/x/sys v0.2.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
