defmodule Bloom.DatabaseBackup.PostgresSuiteTest do
  use Bloom.Test.BackupCase, async: false, on: Bloom.Test.PostgresDatabase
end
