defmodule Bloom.Config.Database do
  @moduledoc "The options of backups and migrations, a part of the schema of `Bloom.Config`."

  @schema [
    database_backup_enabled: [
      type: :boolean,
      default: true,
      doc: "Back the databases up before migrations of a deployment run."
    ],
    database_backup_required: [
      type: :boolean,
      default: true,
      doc: "Whether a deployment fails where its backup fails."
    ],
    require_backup_for_migrations: [
      type: :boolean,
      default: true,
      doc: "Whether migrations of a deployment run only after a backup that was verified."
    ],
    database_backup_backend: [
      type: :module,
      default: nil,
      doc: "The `Bloom.DatabaseBackup.Backend` of all repos. Default: the one for the adapter of each repo."
    ],
    database_backup_directory: [
      type: :string,
      default: nil,
      doc: "Directory of the backups. Default: `backups` in `app_root`, else in the release's root."
    ],
    database_backup_retention_count: [
      type: :pos_integer,
      default: 5,
      doc: "How many backups are kept, newest first."
    ],
    database_backup_timeout_ms: [
      type: :pos_integer,
      default: 300_000,
      doc: "How long a backup with its verification, or a restore, may take, in milliseconds."
    ],
    database_backup_compression: [
      type: {:in, [:zstd, :gzip]},
      default: :zstd,
      doc: "How backups are compressed: `:zstd` or `:gzip`."
    ],
    database_backup_restore_check_max_mb: [
      type: :non_neg_integer,
      default: 256,
      doc:
        "Up to which estimated size, in megabytes, a backup is restored into a scratch database to verify it; 0: never."
    ],
    database_tools_directory: [
      type: :string,
      default: nil,
      doc: "Where psql, pg_dump and pg_restore are. Default: PATH, then the newest in `/usr/lib/postgresql`."
    ],
    min_backup_space_mb: [
      type: :non_neg_integer,
      default: 1000,
      doc: "How much must be free for a backup, in megabytes; and always as much as it is estimated to need."
    ],
    database_migration_rollback_strategy: [
      type: {:in, [:ecto_first, :backup_only, :skip]},
      default: :ecto_first,
      doc:
        "How migrations are taken back: `:ecto_first` rolls them back and restores the backup where that fails, `:backup_only` restores, `:skip` leaves them."
    ],
    database_migration_timeout_ms: [
      type: :pos_integer,
      default: 180_000,
      doc: "How long the migrations of a deployment may take, in milliseconds."
    ],
    database_migration_paths: [
      type: {:custom, __MODULE__, :migration_paths?, "a map of repos to lists of directories"},
      default: %{},
      doc:
        "Where a repo's migrations are, as `%{MyApp.Repo => [\"priv/repo/migrations\"]}` in its application. Default: Ecto's own."
    ],
    database_migrator: [
      type: :module,
      default: nil,
      doc: "The `Bloom.MigrationTracker.Migrator` of the release. Default: Ecto, where the release has it."
    ]
  ]

  @doc "This part of the schema."
  @spec schema() :: keyword()
  def schema, do: @schema

  @doc false
  def migration_paths?(paths) do
    is_map(paths) and
      Enum.all?(paths, fn {repo, directories} ->
        is_atom(repo) and is_list(directories) and Enum.all?(directories, &is_binary/1)
      end)
  end
end
