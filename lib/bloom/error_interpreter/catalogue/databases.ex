defmodule Bloom.ErrorInterpreter.Catalogue.Databases do
  @moduledoc "Backups, restores and migrations."

  use Bloom.ErrorInterpreter.Catalogue.Area, title: "Databases"

  @impl true
  def entries do
    [
      no_repos:
        {"there is no database to back up: no application of this node has :ecto_repos",
         "Bloom finds repos by `:ecto_repos`.", "Name them: `config :my_app, ecto_repos: [MyApp.Repo]`."},
      repo_not_configured:
        {"… does not tell its configuration: it raised …", "`config/0` of the repo raises.",
         "Call it on the node and see, or take the repo out of `:ecto_repos`."},
      no_database:
        {"the repo's configuration names no database", "Neither `database` nor `url` is there.",
         "Set one of them in the repo's configuration."},
      no_such_database:
        {[
           "there is no database …: check `database:` in the repo's configuration",
           "the database of … does not exist",
           "the database of … cannot be backed up: …"
         ], "The database that the repo names is not there.", "Correct its name, or create it."},
      database_damaged:
        {"the database … is damaged, encrypted or not SQLite's (…)", "SQLite cannot read it.",
         "Stop what uses it, move it away with its `-wal`, and restore a backup."},
      sqlite_failed:
        {"SQLite fails with … (…)", "SQLite gave another reason.",
         "Look at the file and its file system, then try again."},
      no_backup_backend:
        {[
           "… uses …, and Bloom has no backup backend for that",
           "… is no backup backend: it has no dump/3",
           "the backup was made by …, which this release does not have"
         ], "Bloom backs up PostgreSQL and SQLite; others need a module of yours.",
         "Set `database_backup_backend`, or switch backups off for this release."},
      backup_required:
        {"release … has migrations, and backups are switched off",
         "Migrations run only after a backup that was verified.",
         "Set `database_backup_enabled: true`, or `require_backup_for_migrations: false`."},
      no_backup:
        {["there is no backup of …", "there is no backup to restore"],
         "Nothing was backed up under that version or before those migrations, or it was removed.",
         "See `Bloom.DatabaseBackup.list_backups/0`."},
      backup_too_old:
        {"backup … is of before … as well, which release … needs",
         "Restoring it would take back more migrations than those that are to go; nothing was restored.",
         "Take those by hand, with `rollback_deployment_migrations`."},
      still_applied:
        {"backup … was restored, and the database still has …",
         "The backup that was made before those migrations has them all the same.",
         "Look for an earlier one in `Bloom.DatabaseBackup.list_backups/0`, or take the migrations back by hand."},
      no_such_repo:
        {"backup … has the database of …, and the running release has no such repo",
         "The backup belongs to another set of repos.", "Run a release with that repo, then restore."},
      bad_version:
        {"… cannot be a version", "It becomes a part of the backup's name.",
         "Use letters, digits, dots, dashes, plus signs and underscores."},
      bad_backup:
        {"the backup in … has no manifest that can be read: …", "The backup is not whole.", "Restore another one."},
      backup_damaged:
        {["the backup … is damaged (…): use another one", "the backup … is damaged: …"],
         "Its digest or its table of contents does not add up.", "Restore another one, and look at the disk."},
      backup_busy:
        {[
           "the database of … is being backed up or restored by somebody else",
           "the backup … is in use by somebody else"
         ], "One at a time.", "Wait until that has ended, then try again."},
      backup_timeout:
        {"… took longer than … ms and was stopped while it …",
         "The database or its backup is larger than the time allows.", "Raise `database_backup_timeout_ms`."},
      backup_killed:
        {"… was killed while it …: …", "The process of the backup was ended from outside. Nothing half-made is kept.",
         "Try again."},
      backup_bug:
        {"it failed with …", "The backend raised. What it said is not shown, as it may hold secrets.",
         "Report it, to whoever wrote the backend."},
      backup_directory:
        {"could not write …: …", "The directory of the backups refuses.",
         "Give the node's user the right to write there, or set `database_backup_directory`."},
      no_backup_directory:
        {"there is no place for backups: this node does not run a release", "Without a release there is no default.",
         "Set `database_backup_directory`."},
      not_enough_space:
        {[
           "Insufficient disk space for a backup in …. Required: …MB, Available: …MB",
           "… has … bytes free, and … are needed"
         ], "The backup is estimated to need more than is free.",
         "Free some, set `database_backup_directory` elsewhere, or lower `min_backup_space_mb`."},
      no_tools:
        {"are not on this machine", "`psql`, `pg_dump` and `pg_restore` were not found.",
         "Install `postgresql-client` of the server's version, or set `database_tools_directory`."},
      tools_too_old:
        {"the server is PostgreSQL …, and pg_dump here is only …", "`pg_dump` cannot dump a newer server than itself.",
         "Install the client of the server's version, or set `database_tools_directory`."},
      tools_broken:
        {"… --version does not answer a version of PostgreSQL", "The program found is not PostgreSQL's.",
         "Set `database_tools_directory` to where the right ones are."},
      server_unreachable:
        {["cannot …: the server did not answer in … ms", "cannot …: … connection to server … failed"],
         "PostgreSQL cannot be reached, or is too slow.",
         "Check host, port and socket in the repo's configuration, and that the server runs."},
      database_unreachable:
        {"the database of … cannot be reached: …", "As above, seen by Ecto.",
         "See whether it runs and whether the repo's configuration is right."},
      server_gone:
        {"cannot …: … server closed the connection …",
         "The connection was lost in the middle: the server ended, restarts or recovers.",
         "Start it again, see why it ended, and try again."},
      server_disk_full:
        {"cannot …: … No space left on device", "The server's disk is full, not the node's.",
         "Free some space on the server."},
      too_many_connections:
        {"cannot …: … too many clients …", "The server takes no more connections.",
         "Close some, or raise `max_connections`."},
      wrong_password:
        {"cannot …: … password authentication failed …", "The server does not take the repo's user or password.",
         "Correct them in the repo's configuration."},
      access_refused:
        {"cannot …: … no pg_hba … entry … role … does not exist", "The server does not let this user in from here.",
         "See `pg_hba.conf` and the roles of the server."},
      not_permitted:
        {["the repo's user may not make databases, or does not own …", "cannot …: … permission denied …"],
         "The repo's user lacks a right.", "Give it that right, or let a user with it do this."},
      database_busy:
        {"another run of Bloom restores a dump of … now", "Two nodes restore into one database.",
         "Let the other one end, and try again."},
      database_in_use:
        {"cannot …: … being accessed by other users", "Other users are connected, or prepared transactions are open.",
         "Disconnect them and end these transactions."},
      lock_timeout:
        {"cannot …: … lock timeout", "A lock on a table was not free in time.",
         "End the transactions that hold it, and try again."},
      database_failed:
        {"cannot …: …", "PostgreSQL gave another reason, which the message has.",
         "Look at the server's log and try again."},
      no_ecto:
        {["release … has no ecto_sql to migrate with", "ecto_sql cannot be started: …"],
         "The release has migrations to be looked at and no Ecto to do it.", "Build it again with `ecto_sql` in it."},
      bloom_too_old:
        {"the Bloom in release … knows nothing of migrations", "That release was built with an older Bloom.",
         "Run its migrations by hand, and build it with this Bloom."},
      migration_failed:
        {"the configuration of its repos failed with …", "A migration raised; the message is the database's or Ecto's.",
         "Fix the migration and build the release again."},
      migration_timeout:
        {"a migration took too long: …", "`database_migration_timeout_ms` was over.",
         "Raise it, or do less in one migration."},
      migration_locked:
        {"a table or the migration lock of … was not free in time: …",
         "Another node migrates, or a transaction was left open.", "See who holds it in `pg_locks`, then try again."},
      migration_does_not_compile:
        {"… cannot be compiled: …", "The file of the migration is not sound.", "Fix it and build the release again."},
      no_migration:
        {["… does not define an Ecto.Migration", "… has neither up/0 nor change/0"],
         "The file holds no migration of that direction.", "Fix it and build the release again."},
      no_migration_file:
        {"the release has no file of migration … of …", "It was applied by a release that had it.",
         "Take it back by hand, or with the release that has it."},
      no_migrations_table:
        {"run a migration: the first one makes it", "Nothing was ever migrated there.", "Run a migration."},
      duplicate_migration:
        {"rename one of the files and build the release again", "Two migrations have one version or one name.",
         "Rename one of them."},
      irreversible:
        {"… has neither down/0 nor change/0, so it cannot be rolled back", "The migration has no way back.",
         "Write `down/0`, or restore the backup."}
    ]
  end
end
