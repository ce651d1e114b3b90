# Run by bin/bench: picks what is to be measured, prints it, and writes bench/RESULTS.md when that is everything.

for file <- ~w(measure archive plan switch restart journal backup), do: Code.require_file("#{file}.exs", __DIR__)

dir = System.fetch_env!("BLOOM_BENCH_DIR")
all = ["archive", "plan", "switch", "restart", "journal", "backup"]
wanted = if System.argv() == [], do: all, else: System.argv()

sections =
  for name <- wanted do
    IO.puts(:stderr, "measuring #{name}")
    sub = Path.join(dir, name)
    File.mkdir_p!(sub)

    case name do
      "archive" -> Bench.Archive.run(sub)
      "plan" -> Bench.Plan.run(sub)
      "switch" -> Bench.Switch.run(sub)
      "restart" -> Bench.Restart.run(sub)
      "journal" -> Bench.Journal.run(sub)
      "backup" -> Bench.Backup.run(sub)
      other -> raise ArgumentError, "there is nothing called #{other} to measure: see bin/bench --help"
    end
  end

report = IO.iodata_to_binary([Bench.Measure.header(), sections])
IO.puts(report)
if wanted == all, do: File.write!(Path.join(__DIR__, "RESULTS.md"), report)
