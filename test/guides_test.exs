defmodule Bloom.GuidesTest do
  use ExUnit.Case, async: true

  alias Bloom.Test.References

  @guides Path.wildcard("guides/*.md")
  @files ["README.md" | @guides]
  @docs Mix.Project.config()[:docs]

  # README.md is the way in on GitHub, guides/introduction.md that of the documentation.
  test "every guide is linked from the introduction" do
    assert [] == (@guides -- ["guides/introduction.md"]) -- linked("guides/introduction.md")
  end

  test "every guide is in exactly one group of the documentation" do
    grouped = Enum.flat_map(@docs[:groups_for_extras], fn {_group, guides} -> guides end)
    assert Enum.sort(grouped) == Enum.sort(@guides)
    assert [] == @guides -- @docs[:extras]
    assert [] == for(extra <- @docs[:extras], not File.exists?(extra), do: extra)
  end

  test "every link leads to a file and a heading" do
    for file <- @files, {target, anchor} <- links(file) do
      assert File.exists?(target), "#{file} links to #{target}"
      assert anchor == nil or anchor in anchors(target), "#{file} links to #{target}##{anchor}"
    end
  end

  test "every module and function that is named is there" do
    for file <- @files, reference <- References.in_text(File.read!(file)) do
      assert References.there?(reference), "#{file} names #{reference}"
    end
  end

  test "the unit of the guide is one by which Bloom restarts" do
    guide = File.read!("guides/systemd-and-containers.md")
    assert [_setting, "always"] = Regex.run(~r/^Restart=(.*)$/m, guide)
    assert {:ok, %{status: 0}} = Bloom.Restarter.systemd("my_app.service", "always")
    [_setting, seconds] = Regex.run(~r/^TimeoutStopSec=(\d+)$/m, guide)
    assert String.to_integer(seconds) * 1000 > Bloom.Config.schema()[:restart_stop_timeout_ms][:default]
  end

  defp linked(file), do: for({target, _anchor} <- links(file), do: target)

  defp links(file) do
    for [_link, link] <- Regex.scan(~r/\]\(([^)\s]+)\)/, File.read!(file)), not String.contains?(link, "://") do
      {path, anchor} = with [path | anchor] <- String.split(link, "#"), do: {path, List.first(anchor)}
      target = if path == "", do: file, else: file |> Path.dirname() |> Path.join(path) |> Path.expand()
      {Path.relative_to_cwd(target), anchor}
    end
  end

  # As GitHub and ExDoc make them of headings.
  defp anchors(file) do
    for [_line, heading] <- Regex.scan(~r/^#+ (.+)$/m, File.read!(file)) do
      heading |> String.downcase() |> String.replace(~r/[^\w\s-]/u, "") |> String.replace(~r/\s+/, "-")
    end
  end
end
