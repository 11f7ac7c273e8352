module github.com/choria-io/go-updater/compat/logrus

go 1.26.0

require (
	github.com/choria-io/go-updater v0.0.0
	github.com/sirupsen/logrus v1.9.4
	github.com/stretchr/testify v1.12.0
)

require (
	github.com/klauspost/compress v1.20.4 // indirect
	golang.org/x/mod v0.40.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/choria-io/go-updater => ../..
