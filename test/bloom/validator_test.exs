defmodule Bloom.ValidatorTest do
  # Not async: the options are the whole VM's.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog

  alias Bloom.{Error, Plan, Root, Validator}
  alias Bloom.Test.TinyArchive
  alias Bloom.Validator.{Archive, Compatibility, Resources, Target}

  doctest Validator
  doctest Compatibility
  doctest Resources
  doctest Target

  @moduletag :tmp_dir

  # Doctests have no directory.
  setup context do
    if dir = context[:tmp_dir] do
      File.mkdir_p!(Path.join(dir, "releases/1.1.0"))
      {:ok, root: %Root{path: dir, name: "garden", running: "1.0.0"}}
    else
      :ok
    end
  end

  defp put_option(option, value) do
    Application.put_env(:bloom, option, value)
    on_exit(fn -> Application.delete_env(:bloom, option) end)
  end

  defp archive(root, version) do
    TinyArchive.write(Path.join(root.path, "releases"), version, [{"garden_beds", "count() -> 1."}])
  end

  defp plan(fields \\ []) do
    struct!(%Plan{root: "/", name: "garden", running: "1.0.0", target: "1.1.0", decision: :hot}, fields)
  end

  describe "a version" do
    test "is semantic versioning's" do
      for version <- ["1.2.3", "1.2.3-rc.1", "1.2.3+build.7"],
          do: assert({:ok, ^version} = Validator.validate_version(version))

      for version <- ["abc", "1.2", "1.2.3\n", "../1.2.3", "1.2.3+../../etc", "", nil, :"1.2.3", 1.2] do
        assert {:error, %Error{code: :invalid_version}} = Validator.validate_version(version)
      end
    end

    test "is another one than what runs", %{root: root} do
      assert {:error, %Error{code: :already_running}} = Validator.validate_archive(root, "1.0.0")
      assert {:error, %Error{code: :already_running}} = Validator.validate_installed(root, "1.0.0")
    end

    test "is installed, as one of this release", %{root: root} do
      releases = [%{name: "garden", version: "1.1.0", status: :old}, %{name: "park", version: "1.2.0", status: :old}]
      assert :ok = Compatibility.installed(root, "1.1.0", releases)
      assert {:error, %Error{code: :release_not_found}} = Compatibility.installed(root, "1.3.0", releases)
      assert {:error, %Error{code: :other_release} = error} = Compatibility.installed(root, "1.2.0", releases)
      assert error.message == "version 1.2.0 is one of the release park, and garden runs here"
    end

    test "below the one that runs is a warning, which going back does without" do
      plan = plan(warnings: Compatibility.warnings("1.1.0", "1.0.0"))
      assert capture_log(fn -> Validator.validate_plan(:switch, plan, []) end) =~ "release 1.0.0 is older than 1.1.0"
      refute capture_log(fn -> Validator.validate_plan(:rollback, plan, []) end) =~ "older"
    end
  end

  describe "an archive" do
    test "is there and readable", %{root: root} do
      assert {:error, %Error{code: :archive_not_found}} = Validator.validate_archive(root, "1.1.0")
      path = archive(root, "1.1.0")
      assert :ok = Validator.validate_archive(root, "1.1.0")

      # For root everything is readable.
      File.chmod!(path, 0)
      readable? = match?({:ok, _}, File.read(path))
      assert match?({:error, %Error{code: :archive_unreadable}}, Validator.validate_archive(root, "1.1.0")) != readable?
    end

    test "says how much it unpacks to", %{root: root, tmp_dir: dir} do
      path = archive(root, "1.1.0")
      {:ok, %{bytes: bytes}} = Bloom.Native.archive_verify(path)
      # A tar file is larger than what is in it.
      assert Archive.estimate(path) in bytes..(bytes + 100_000)

      File.write!(Path.join(dir, "more"), [String.duplicate("x", 1000), <<7::little-32>>])
      assert Archive.estimate(Path.join(dir, "more")) == 4_294_967_296 + 7
      File.write!(Path.join(dir, "less"), "x")
      assert Archive.estimate(Path.join(dir, "less")) == 0
    end
  end

  describe "disk" do
    test "has min_disk_space_mb left", %{root: root} do
      archive(root, "1.1.0")
      put_option(:min_disk_space_mb, 0)
      assert :ok = Resources.disk(root, "1.1.0")
      put_option(:min_disk_space_mb, 1_000_000_000_000)
      assert {:error, %Error{code: :insufficient_disk_space, message: message}} = Resources.disk(root, "1.1.0")
      assert message =~ ~r/^Insufficient disk space. Required: 1000000000000MB, Available: \d+MB$/
    end

    test "a damaged archive that says it is huge is a damaged one, not a want of space", %{root: root} do
      path = archive(root, "1.1.0")
      put_option(:min_disk_space_mb, 0)
      {:ok, %{free: free}} = Bloom.Native.disk_space(root.path)
      # Its size has to be beyond what is free, which its last bytes alone cannot say: it is made as large, with a hole.
      bytes = File.read!(path)
      File.write!(path, binary_part(bytes, 0, div(byte_size(bytes), 2)))
      {:ok, file} = :file.open(path, [:read, :write, :raw])
      {:ok, _position} = :file.position(file, free + 1)
      :ok = :file.truncate(file)
      :ok = :file.close(file)

      assert {:error, %Error{code: code}} = Resources.disk(root, "1.1.0")
      assert code != :insufficient_disk_space
    end
  end

  describe "the OTP version" do
    test "of a release is at least min_otp_version", %{root: root} do
      File.write!(Path.join(root.path, "releases/1.1.0/OTP_VERSION"), "24.0\n")
      assert {:error, %Error{code: :otp_too_old, message: message}} = Validator.validate_otp(root, "1.1.0")
      assert message == "OTP version 24.0 is below minimum required 25.0"
      put_option(:min_otp_version, "24.0")
      assert :ok = Validator.validate_otp(root, "1.1.0")
    end

    test "of a release that does not tell is not judged", %{root: root} do
      assert :ok = Validator.validate_otp(root, "1.1.0")
    end
  end

  describe "what a switch takes" do
    test "memory for the VM beside the node" do
      assert :ok = Validator.validate_plan(:switch, plan(), [])
      put_option(:rehearsal_memory_mb, 1_000_000_000)
      assert {:error, %Error{code: :insufficient_memory}} = Validator.validate_plan(:switch, plan(), [])
      unknown = {:error, Error.new(:unknown, "nobody knows")}
      assert :ok = Resources.judge_memory(unknown, 64)
      assert {:error, %Error{code: :native_panic}} = Resources.judge_memory({:error, Error.new(:native_panic, "x")}, 64)
    end

    test "room for processes" do
      put_option(:max_process_ratio, 0.000001)
      assert {:error, %Error{code: :too_many_processes}} = Validator.validate_plan(:switch, plan(), [])
    end

    test "applications that run, where the VM does not restart" do
      put_option(:required_applications, [:kernel, :gardener])
      assert {:error, %Error{code: :application_not_running} = error} = Validator.validate_plan(:switch, plan(), [])
      assert error.message == "application gardener does not run"
      assert :ok = Validator.validate_plan(:switch, plan(decision: :restart), [])
      assert :ok = Validator.validate_plan(:switch, plan(), mode: :restart)
    end

    test "is no reason not to go back" do
      put_option(:rehearsal_memory_mb, 1_000_000_000)
      log = capture_log(fn -> assert :ok = Validator.validate_plan(:rollback, plan(), []) end)
      assert log =~ "Insufficient memory for the VM beside the node. Required: 1000000000MB"
    end
  end

  test "a target is refused for its configuration, and one whose Bloom does not know the question is not" do
    config = [bloom: [required_applications: [:kernel]], kernel: []]
    assert :ok = Target.check("1.1.0", %{config: config})
    assert :ok = Target.check("1.1.0", %{config: [kernel: []], problems: []})
    assert {:error, %Error{code: :invalid_config}} = Target.check("1.1.0", %{config: config, problems: ["it is wrong"]})
  end

  test "without files the version and the VM are looked at, and going back is never refused", %{root: root} do
    assert :ok = Validator.validate_without_files(:install, root, "1.1.0")
    assert {:error, %Error{code: :already_running}} = Validator.validate_without_files(:switch, root, "1.0.0")
    put_option(:required_applications, [:gardener])
    assert {:error, %Error{code: :application_not_running}} = Validator.validate_without_files(:install, root, "1.1.0")
    assert :ok = Validator.validate_without_files(:rollback, root, "1.1.0")
  end

  test "a node without a release has nothing to validate a version for" do
    assert {:error, "this node does not run a release" <> _} = Validator.validate_release("1.1.0")
    assert {:error, "Invalid version format: abc. " <> _} = Validator.validate_release("abc")
  end
end
