defmodule Bloom.CLITest do
  # Each command against a node that answers as it is told to.
  use ExUnit.Case, async: true

  doctest Bloom.CLI

  alias Bloom.CLI
  alias Bloom.CLI.{Output, Remote}

  @unfinished %{
    id: 7,
    operation: :switch,
    version: "1.1.0",
    from_version: "1.0.0",
    outcome: nil,
    reason: nil,
    started_at: "2026-01-02T03:04:05.678Z",
    steps: []
  }

  @probation %{
    operation: :switch,
    version: "1.1.0",
    stage: :probation,
    progress: nil,
    elapsed_ms: 1,
    probation_left_ms: 5
  }

  # Runs what was typed. `answers` has an answer for each operation, or a function of its arguments. With a list of
  # answers in a tuple `{:each, _}`, each call takes the next, and the last stays.
  defp run(typed, answers, fields \\ []) do
    {:ok, device} = StringIO.open("")
    {:ok, errors} = StringIO.open("")
    output = struct!(%Output{device: device, errors: errors}, fields)
    {:ok, left} = Agent.start_link(fn -> answers end)
    test = self()

    ask = fn operation, arguments ->
      send(test, {:asked, operation, arguments})

      case Agent.get_and_update(left, &next(&1, operation)) do
        answer when is_function(answer) -> answer.(arguments)
        answer -> answer
      end
    end

    meaning = CLI.run(typed, output, fn -> {:ok, %Remote{node: node(), ask: ask}} end)
    {meaning, device |> StringIO.contents() |> elem(1), errors |> StringIO.contents() |> elem(1)}
  end

  defp next(answers, operation) do
    case Map.fetch!(answers, operation) do
      {:each, [last]} -> {last, answers}
      {:each, [first | rest]} -> {first, %{answers | operation => {:each, rest}}}
      answer -> {answer, answers}
    end
  end

  # Tells events to whoever follows, and lets the answer come that `when_told/1` holds back.
  defp follow(events) do
    gate = Process.get(:gate)

    fn [pid] ->
      for event <- events, do: send(pid, {:bloom_follow, event})
      send(gate, :told)
      :ok
    end
  end

  defp progress(fields), do: @probation |> Map.put(:event, :progress) |> Map.merge(Map.new(fields))
  defp ended(fields), do: Map.merge(%{@unfinished | id: 8, outcome: :committed}, Map.new(fields))

  # An answer that comes when all that is followed has been told.
  defp when_told(answer) do
    gate = Process.get(:gate)

    fn _arguments ->
      send(gate, {:may_i, self()})
      receive(do: (:yes -> answer))
    end
  end

  setup do
    Process.put(:gate, spawn_link(&gate/0))
    :ok
  end

  defp gate do
    receive(do: (:told -> receive(do: ({:may_i, pid} -> send(pid, :yes)))))
    gate()
  end

  test "help needs no node, and wrong usage ends with 2" do
    assert {:done, "Usage: bin/bloom COMMAND" <> _, ""} = run(["--help"], %{})
    assert {:done, "Usage: bin/bloom plan VERSION" <> _, ""} = run(["plan", "--help"], %{})
    assert {:usage, "", "bloom: plan takes VERSION" <> _} = run(["plan"], %{})
    assert {:usage, ~s({"command":"bloom",) <> _, ""} = run(["plan", "--json"], %{})
  end

  test "a node that cannot be reached ends with 3" do
    {:ok, device} = StringIO.open("")
    output = %Output{device: device, errors: device}
    assert CLI.run(["status"], output, fn -> {:error, Remote.unreachable(:garden@nowhere)} end) == :unreachable
    assert device |> StringIO.contents() |> elem(1) =~ "node garden@nowhere does not answer"
  end

  test "an answer that it does not understand is no crash" do
    assert {:failed, "", "releases: bin/bloom itself failed: " <> _} = run(["releases"], %{list: {:ok, [:what]}})
  end

  describe "questions" do
    test "status" do
      answers = %{
        current: {:ok, %{name: "garden", version: "1.0.0", status: :permanent}},
        status: {:ok, @probation},
        history: {:ok, [ended(reason: nil)]}
      }

      assert {:done, text, ""} = run(["status"], answers)

      assert text == """
             garden 1.0.0 (permanent) runs on nonode@nohost
             switch 1.1.0: on probation, 1 s left
             #8  2026-01-02 03:04:05Z  switch 1.0.0 -> 1.1.0: committed
             """

      assert {:done, json, ""} = run(["status", "--json"], %{answers | status: {:ok, :idle}})
      assert json =~ ~s("deployment":"idle")
      assert json =~ ~s("release":{"name":"garden","status":"permanent","version":"1.0.0"})
    end

    test "health-check ends with 4 where a check fails" do
      checks = [
        %{name: :memory, critical: true, result: :ok, duration_ms: 1},
        %{name: :database, critical: true, result: {:error, "gone"}, duration_ms: 1}
      ]

      assert run(["health-check"], %{health: {:ok, %{healthy: false, checks: checks}}}) ==
               {:unmet, "ok    memory\nFAIL  database: gone\n", ""}

      assert {:done, "ok    memory\n", ""} =
               run(["health-check"], %{health: {:ok, %{healthy: true, checks: [hd(checks)]}}})
    end

    test "plan ends with 4 where it is not what is required" do
      plan = %{
        root: "/",
        name: "garden",
        running: "1.0.0",
        target: "1.1.0",
        reasons: [],
        warnings: [],
        applications: []
      }

      for {decision, required, meaning} <- [
            {:hot, [], :done},
            {:refuse, [], :done},
            {:hot, ["--require", "hot"], :done},
            {:restart, ["--require", "hot"], :unmet},
            {:restart, ["--require", "restart"], :done},
            {:refuse, ["--require", "restart"], :unmet}
          ] do
        answer = {:ok, Map.merge(plan, %{decision: decision, protocols: []})}
        assert {^meaning, "garden 1.0.0 -> 1.1.0: " <> _, ""} = run(["plan", "1.1.0" | required], %{plan: answer})
        assert_received {:asked, :plan, ["1.1.0"]}
      end
    end

    test "history, releases, remove, backup and cancel" do
      assert {:done, text, ""} = run(["history", "--limit", "3"], %{history: {:ok, [ended([]), @unfinished]}})
      assert text =~ "#7  2026-01-02 03:04:05Z  switch 1.0.0 -> 1.1.0: in progress"
      assert_received {:asked, :history, [[limit: 3]]}
      assert {:done, "nothing was deployed yet\n", ""} = run(["history"], %{history: {:ok, []}})

      releases = [
        %{name: "garden", version: "1.1.0", status: :old},
        %{name: "garden", version: "1.0.0", status: :permanent}
      ]

      assert {:done, "1.1.0  old\n1.0.0  permanent: boots next\n", ""} = run(["releases"], %{list: {:ok, releases}})

      report = %{freed_bytes: 2_000_000, directories: ["lib/a-1"], archives: ["releases/garden-1.0.0.tar.gz"]}
      assert {:done, text, ""} = run(["remove", "1.0.0", "--dry-run"], %{remove: {:ok, report}})
      assert text == "would free 2.0 MB:\n  lib/a-1\n  releases/garden-1.0.0.tar.gz\n"
      assert {:done, "removed 1.0.0\n", ""} = run(["remove", "1.0.0"], %{remove: :ok})

      backup = %{id: "1.0.0-x", bytes: 1_000_000, verified: :restored, directory: "/b"}
      assert {:done, text, ""} = run(["backup", "1.0.0"], %{backup: {:ok, backup}})
      assert text == "backup 1.0.0-x, 1.0 MB, verified (restored): /b\n"

      assert {:done, "cancelled" <> _, ""} = run(["cancel"], %{cancel: :ok})
    end

    test "verify-audit ends with 4 where the log is not as it was written" do
      audit = %{rows: 12, adopted: 0, pending: 0, first: 1, head: "5f0c"}
      assert {:done, text, ""} = run(["verify-audit"], %{verify_audit: {:ok, audit}})
      assert text == "the audit log is whole: 12 rows, the last has the digest 5f0c\n"

      broken = {:error, %{code: :audit_broken, message: "row 3 was changed", suggestions: []}}
      assert run(["verify-audit"], %{verify_audit: broken}) == {:unmet, "", "verify-audit: row 3 was changed\n"}
    end

    test "a refusal ends with 5" do
      refused = {:error, %{code: :token_missing, message: "a token is needed", suggestions: ["set BLOOM_SECRET"]}}

      assert {:refused, "", "releases: a token is needed\n  -> set BLOOM_SECRET\n"} =
               run(["releases"], %{list: refused})
    end
  end

  describe "deploy" do
    test "installs, switches and waits, with a line for each stage" do
      answers = %{
        list: {:ok, []},
        history:
          {:each,
           [
             {:ok, []},
             {:ok, [ended(id: 1, operation: :install, outcome: :installed)]},
             {:ok, [ended(id: 1)]},
             {:ok, [ended(id: 2)]}
           ]},
        install: when_told(:ok),
        switch: when_told(:ok),
        follow:
          {:each,
           [
             follow([progress(operation: :install, stage: :stage)]),
             follow([progress(probation_left_ms: nil), progress([])])
           ]}
      }

      assert {:done, text, ""} = run(["deploy", "1.1.0"], answers)

      assert text == """
             install 1.1.0: unpacking
             1.1.0 is installed
             switch 1.1.0: having its first checks
             switch 1.1.0: on probation, 1 s left
             1.1.0 runs and is committed
             """

      assert_received {:asked, :switch, ["1.1.0", [wait: :commit, mode: :auto, force: false]]}
    end

    test "one that is installed is not installed again" do
      answers = %{
        list: {:ok, [%{name: "garden", version: "1.1.0", status: :unpacked}]},
        history: {:each, [{:ok, [@unfinished]}, {:ok, [ended([])]}]},
        switch: when_told(:ok),
        follow: follow([])
      }

      assert {:done, json, ""} = run(~w(deploy 1.1.0 --mode hot --force --no-wait --json), answers)
      assert json =~ ~s("exit_code":0)
      assert json =~ ~s("outcome":"committed")
      assert_received {:asked, :switch, ["1.1.0", [wait: :probation, mode: :hot, force: true]]}
      refute_received {:asked, :install, _arguments}
    end

    test "what fails is told with its reason, and what could not be undone ends with 6" do
      for {code, meaning} <- [invalid_archive: :failed, restart_required: :unmet, take_back_failed: :stuck] do
        answers = %{
          history: {:ok, []},
          switch: when_told({:error, %{code: code, message: "no", suggestions: []}}),
          follow: follow([])
        }

        assert {^meaning, "", "switch: no\n"} = run(["switch", "1.1.0"], answers)
      end
    end
  end

  test "what waits for an answer is left by an interruption" do
    test = self()
    forever = fn _arguments -> send(test, :bloom_interrupted) && receive(do: (:never -> :ok)) end
    assert {:interrupted, text, ""} = run(["backup", "1.1.0"], %{backup: forever})
    assert text == "backup is left; what the node was asked for goes on there.\n"
  end

  describe "what ends without an answer" do
    test "counts as the journal has it" do
      undone = %{step: :switch, phase: :undo, result: {:error, "no"}, started_at: "", duration_us: 1}

      for {fields, meaning} <- [
            {[], :done},
            {[outcome: :taken_back, reason: "unhealthy"], :failed},
            {[outcome: :failed, reason: "broken", steps: [undone]], :stuck}
          ] do
        answers = %{
          history: {:each, [{:ok, [@unfinished]}, {:ok, [@unfinished]}, {:ok, [ended(fields), @unfinished]}]},
          switch: when_told({:ok, :handed_over}),
          follow: {:each, [follow([progress([])]), follow([%{event: :idle}])]}
        }

        assert {^meaning, _text, _errors} = run(["switch", "1.1.0"], answers)
      end
    end

    test "a rollback of what is on probation ends that deployment" do
      answers = %{
        history: {:each, [{:ok, [@unfinished]}, {:ok, [%{@unfinished | outcome: :cancelled}]}]},
        rollback: when_told({:ok, :handed_over}),
        follow: {:each, [follow([]), follow([%{event: :ended}])]}
      }

      assert {:done, "1.1.0 was taken back, 1.0.0 runs\n", ""} = run(["rollback"], answers)
    end
  end

  describe "follow" do
    test "joins what is in progress and ends as it does" do
      answers = %{
        status: {:ok, @probation},
        history: {:each, [{:ok, [@unfinished]}, {:ok, [%{@unfinished | outcome: :taken_back, reason: "unhealthy"}]}]},
        follow: follow([progress([]), %{event: :ended}])
      }

      assert {:failed, "switch 1.1.0: on probation, 1 s left\n", "follow: unhealthy\n" <> _} = run(["follow"], answers)
    end

    test "has nothing to do where nothing is in progress" do
      assert {:done, "no deployment is in progress\n", ""} =
               run(["follow"], %{status: {:ok, :idle}, history: {:ok, []}})
    end

    test "is left by an interruption, and the deployment goes on" do
      test = self()
      interrupt = fn [_pid] -> send(test, :bloom_interrupted) && :ok end
      answers = %{status: {:ok, @probation}, history: {:ok, [@unfinished]}, follow: interrupt}
      assert {:interrupted, text, ""} = run(["follow"], answers)
      assert text =~ "the switch of 1.1.0 goes on in the node."
      assert text =~ "bin/bloom cancel"
    end
  end
end
