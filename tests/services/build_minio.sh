#!/usr/bin/env bash
# tests/services/build_minio.sh DIRECTORY   builds MinIO there, a second object store for the tests
#
# Needs Go. Takes about ten minutes on two cores and 3 GB of DIRECTORY; the program is
# DIRECTORY/bin/minio. It is a test's peer only: nothing of it is part of Hadron.
set -euo pipefail

version=v0.0.0-20260212201848-7aac2a2c5b7c

[ $# -eq 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
command -v go >/dev/null || { echo "go is not installed; MinIO is built from its module" >&2; exit 1; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
GOBIN=$directory/bin GOPATH=$directory/gopath GOCACHE=$directory/cache GOFLAGS=-modcacherw \
  nice -n 19 go install "github.com/minio/minio@$version"
echo "HADRON_TEST_MINIO=$directory/bin/minio"
