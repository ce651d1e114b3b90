defmodule Bloom.CLITest do
  use Bloom.Test.CLICase, async: true

  doctest Bloom.CLI

  alias Bloom.CLI
  alias Bloom.CLI.{Output, Remote}

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
        status: {:ok, probation()},
        history: {:ok, [ended(reason: nil)]}
      }

      assert {:done, text, ""} = run(["status"], answers)

      assert text == """
             garden 1.0.0 (permanent) runs on #{node()}
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
      assert {:done, text, ""} = run(["history", "--limit", "3"], %{history: {:ok, [ended([]), unfinished()]}})
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

      older = %{audit | pending: 1, adopted: 2}
      assert {:done, text, ""} = run(["verify-audit"], %{verify_audit: {:ok, older}}, colour: true)
      assert [_whole, pending, adopted] = String.split(text, "\n", trim: true)
      assert pending =~ IO.ANSI.yellow() <> "rows without a digest: 1, right only if an older Bloom has run here"

      assert adopted =~
               IO.ANSI.yellow() <>
                 "rows that had none and were chained on: 2, right only if an older Bloom has run here"

      broken = {:error, %{code: :audit_broken, message: "row 3 was changed", suggestions: []}}
      assert run(["verify-audit"], %{verify_audit: broken}) == {:unmet, "", "verify-audit: row 3 was changed\n"}
    end

    test "a refusal ends with 5" do
      refused = {:error, %{code: :token_missing, message: "a token is needed", suggestions: ["set BLOOM_SECRET"]}}

      assert {:refused, "", "releases: a token is needed\n  -> set BLOOM_SECRET\n"} =
               run(["releases"], %{list: refused})
    end
  end
end
