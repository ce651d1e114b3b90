defmodule Bench.Backup do
  @moduledoc "Backing up and restoring a PostgreSQL database of a gigabyte, and the memory that takes."

  import Bench.Measure

  alias Bloom.DatabaseBackup.Postgres
  alias Bloom.Test.Postgres, as: Server

  @database "bench"
  # pgbench's unit: 100,000 accounts, 15 MiB.
  @scale 75
  @runs 3

  def run(dir) do
    %{bin: bin} = Server.server!()
    config = Server.config(@database)
    shell!(bin, "createdb bench && pgbench --quiet --initialize --scale=#{scale()} bench")
    [[size]] = Server.query!(config, "SELECT pg_database_size('bench')")
    size = String.to_integer(size)
    {:ok, database} = Postgres.database("Bench.Repo", config)
    [bloom, custom, zstd] = for name <- ~w(bloom custom zstd), do: Path.join(dir, name)

    backup =
      in_turn(
        [
          bloom: fn -> back_up(database, bloom) end,
          custom: fn -> shell!(bin, "pg_dump --format=custom --file=#{custom} bench") end,
          zstd: fn -> shell!(bin, "pg_dump bench | zstd --quiet --force -o #{zstd}") end
        ],
        @runs
      )

    restore =
      in_turn(
        [
          bloom: fn -> restore(database, bloom) end,
          custom: fn ->
            shell!(bin, "#{anew()} && pg_restore --exit-on-error --dbname=other #{custom} && #{analyze()}")
          end,
          zstd: fn ->
            shell!(
              bin,
              "#{anew()} && zstd --decompress --stdout #{zstd} | psql --quiet --output=/dev/null other && #{analyze()}"
            )
          end
        ],
        @runs
      )

    backup_memory = grown(fn -> back_up(database, bloom) end)
    restore_memory = grown(fn -> restore(database, bloom) end)
    for name <- [@database, "other"], do: shell!(bin, "dropdb --force #{name}")

    [
      "## Database\n\n",
      "A database of #{mib(size)} that `pgbench --initialize --scale=#{scale()}` made, on a server with fsync off. Bloom's ",
      "backup is one moment with the rows of all tables counted, compressed with zstd and digested as it is written, ",
      "synced, read back for its digest and its table of contents. Its restore checks all that first, counts the rows ",
      "again, and swaps the names; the others fill an empty database. All three analyze it.\n\n",
      table(["", "time", "of the database", "file", "Bloom's share of the time", "aim"], [
        ["Bloom: backup, verified", ms(backup.bloom), speed(size, backup.bloom), file(bloom), "", ""],
        row("`pg_dump -Fc` to a file", size, backup.custom, file(custom), backup.bloom),
        row("`pg_dump \\| zstd`", size, backup.zstd, file(zstd), backup.bloom),
        ["Bloom: restore, verified", ms(restore.bloom), speed(size, restore.bloom), "", "", ""],
        row("`pg_restore` into an empty database", size, restore.custom, "", restore.bloom),
        row("`zstd -d \\| psql` into an empty database", size, restore.zstd, "", restore.bloom)
      ]),
      table(["peak growth of the VM", "", "aim"], [
        ["Bloom: backup", mib(backup_memory), "does not grow with the size"],
        ["Bloom: restore", mib(restore_memory), "does not grow with the size"]
      ])
    ]
  end

  defp scale, do: String.to_integer(System.get_env("BLOOM_BENCH_SCALE", "#{@scale}"))

  defp back_up(database, file) do
    File.rm(file)
    {:ok, dump} = Postgres.dump(database, file, %{})
    :ok = Postgres.verify(database, file, dump, scratch: false)
    File.write!(file <> ".facts", :erlang.term_to_binary(dump))
  end

  defp restore(database, file) do
    dump = :erlang.binary_to_term(File.read!(file <> ".facts"))
    {:ok, %{replaced: "bench_replaced_" <> _time}} = Postgres.restore(database, file, dump, %{})
  end

  defp anew, do: "dropdb --force --if-exists other && createdb other"

  defp analyze, do: "psql --quiet --command=analyze other"

  defp row(name, size, time, file, bloom), do: [name, ms(time), speed(size, time), file, ratio(bloom, time), "1"]

  defp speed(bytes, ms), do: "#{mib(bytes * 1000 / ms)}/s"

  defp file(path), do: mib(File.stat!(path).size)

  defp grown(fun) do
    os_pid = System.pid()
    :erlang.garbage_collect()
    reset_peak(os_pid)
    before = resident(os_pid)
    fun.()
    max(peak(os_pid) - before, 0)
  end

  defp shell!(bin, script) do
    env = [
      {"PATH", bin <> ":" <> System.get_env("PATH")},
      {"PGHOST", Server.server!().socket_dir},
      {"PGUSER", "postgres"}
    ]

    {output, status} = System.cmd("bash", ["-o", "pipefail", "-c", script], env: env, stderr_to_stdout: true)
    if status != 0, do: raise("#{script}\nended with status #{status}: #{output}")
  end
end
