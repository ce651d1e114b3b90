defmodule Bloom.CLI.DeploymentsTest do
  use Bloom.Test.CLICase, async: true

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
        history: {:each, [{:ok, [unfinished()]}, {:ok, [ended([])]}]},
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
          history: {:each, [{:ok, [unfinished()]}, {:ok, [unfinished()]}, {:ok, [ended(fields), unfinished()]}]},
          switch: when_told({:ok, :handed_over}),
          follow: {:each, [follow([progress([])]), follow([%{event: :idle}])]}
        }

        assert {^meaning, _text, _errors} = run(["switch", "1.1.0"], answers)
      end
    end

    test "ends with the first checks where the end of the probation is not waited for" do
      answers = fn last ->
        %{
          history: {:each, [{:ok, []}, {:ok, [last]}]},
          switch: when_told({:ok, :handed_over}),
          follow:
            {:each,
             [
               follow([progress(stage: :switch, probation_left_ms: nil)]),
               follow([
                 progress(version: "1.0.9"),
                 progress(probation_left_ms: nil),
                 progress([]),
                 progress(stage: :undo, probation_left_ms: nil),
                 %{event: :ended}
               ])
             ]}
        }
      end

      assert {:done, text, ""} = run(["switch", "1.1.0", "--no-wait"], answers.(unfinished()))
      assert text =~ "having its first checks\nswitch 1.1.0: on probation, 1 s left\nthe switch of 1.1.0: done\n"

      # Who waits is told what came of it.
      assert {:failed, text, _errors} = run(["switch", "1.1.0"], answers.(ended(outcome: :taken_back)))
      assert text =~ "undoing"
    end

    test "a rollback of what is on probation ends that deployment" do
      answers = %{
        history: {:each, [{:ok, [unfinished()]}, {:ok, [%{unfinished() | outcome: :cancelled}]}]},
        rollback: when_told({:ok, :handed_over}),
        follow: {:each, [follow([]), follow([%{event: :ended}])]}
      }

      assert {:done, "1.1.0 was taken back, 1.0.0 runs\n", ""} = run(["rollback"], answers)
    end
  end

  test "what is refused for another one in progress says how to watch that or stop it" do
    error = %{code: :deployment_in_progress, message: "rollback of release 1.0.0 is in progress", suggestions: ["no"]}
    history = {:ok, [%{unfinished() | operation: :rollback, version: "1.0.0"}]}

    for typed <- [["rollback"], ["switch", "1.1.0"]] do
      answers = %{
        history: history,
        rollback: when_told({:error, error}),
        switch: when_told({:error, error}),
        follow: follow([])
      }

      assert {:failed, "", errors} = run(typed, answers)

      assert errors == """
             #{hd(typed)}: rollback of release 1.0.0 is in progress
               -> watch it with bin/bloom follow, or stop it with bin/bloom cancel
             """

      assert {:failed, json, ""} = run(typed ++ ["--json"], answers)
      assert json =~ ~s("deployment":null)
    end
  end

  test "a rollback that is cancelled is no rollback" do
    cancelled = ended(operation: :rollback, version: "1.0.0", from_version: "1.1.0", outcome: :cancelled)

    answers = %{
      history: {:each, [{:ok, []}, {:ok, [cancelled]}]},
      rollback: when_told({:ok, :handed_over}),
      follow: {:each, [follow([]), follow([%{event: :ended}])]}
    }

    assert {:failed, "", "rollback: the rollback of 1.0.0 ended: cancelled\n" <> _} = run(["rollback"], answers)
  end

  describe "follow" do
    test "joins what is in progress and ends as it does" do
      answers = %{
        status: {:ok, probation()},
        history: {:each, [{:ok, [unfinished()]}, {:ok, [%{unfinished() | outcome: :taken_back, reason: "unhealthy"}]}]},
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
      answers = %{status: {:ok, probation()}, history: {:ok, [unfinished()]}, follow: interrupt}
      assert {:interrupted, text, ""} = run(["follow"], answers)
      assert text =~ "the switch of 1.1.0 goes on in the node."
      assert text =~ "bin/bloom cancel"
    end
  end
end
