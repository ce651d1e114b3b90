defmodule Bloom.Release.OTPVersionTest do
  use ExUnit.Case, async: true

  alias Bloom.Release.OTPVersion
  alias Bloom.Root

  doctest OTPVersion

  @moduletag :tmp_dir

  # Doctests have no directory.
  setup context do
    if dir = context[:tmp_dir] do
      path = Path.join(dir, "releases/1.0.0")
      File.mkdir_p!(path)
      {:ok, root: %Root{path: dir, name: "garden", running: "0.9.0"}, path: path}
    else
      :ok
    end
  end

  defp release(path, erts), do: %{version_path: path, erts_source: erts}

  test "is the version of the OTP that the release's ERTS is from", %{root: root, path: path, tmp_dir: dir} do
    otp = Path.join(dir, "otp")
    File.mkdir_p!(Path.join(otp, "releases/25"))
    File.write!(Path.join(otp, "releases/25/OTP_VERSION"), "25.2.3\n")
    OTPVersion.put(release(path, to_charlist(Path.join(otp, "erts-13.1.5"))))
    assert OTPVersion.fetch(root, "1.0.0") == {:ok, "25.2.3"}
  end

  test "is at least the name of the OTP release", %{root: root, path: path, tmp_dir: dir} do
    OTPVersion.put(release(path, Path.join(dir, "erts-13.1.5")))
    assert OTPVersion.fetch(root, "1.0.0") == {:ok, System.otp_release()}
  end

  test "nothing else than a version is taken for one", %{root: root, path: path} do
    assert OTPVersion.fetch(root, "1.0.0") == :error

    for text <- ["", "newest", String.duplicate("2", 1_000_000), "25.0; rm -rf /"] do
      File.write!(Path.join(path, "OTP_VERSION"), text)
      assert OTPVersion.fetch(root, "1.0.0") == :error
    end
  end

  test "part by part, not as text" do
    assert OTPVersion.at_least?("100.0", "25.3")
    assert OTPVersion.at_least?("25.10", "25.9.1")
    assert OTPVersion.at_least?("25.3", "25.3.0")
    refute OTPVersion.at_least?("25.3", "25.3.1")
    refute OTPVersion.at_least?("24", "25.0")
  end
end
