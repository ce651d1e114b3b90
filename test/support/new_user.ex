defmodule Bloom.Test.NewUser do
  @moduledoc """
  A new user, who has the README and nothing else: its code blocks are done in a fresh project, as they stand there.

  What is not as on the user's machine: Bloom is a path dependency, made of the files of its package, as hex.pm may be out
  of reach; `/opt/my_app` is a scratch directory; and the node has a name and a probation of its own.
  """

  @enforce_keys [:dir, :root, :env]
  defstruct [:dir, :root, :env]

  @type t :: %__MODULE__{dir: Path.t(), root: Path.t(), env: [{String.t(), String.t() | nil}]}

  @doc "The code blocks of some sections of a document, in order, as `{language, code}`."
  @spec blocks(String.t(), [String.t()]) :: [{String.t(), String.t()}]
  def blocks(markdown, titles) do
    for section <- String.split(markdown, ~r/^## /m),
        [title, body] = String.split(section <> "\n", "\n", parts: 2),
        title in titles,
        [_all, language, code] <- Regex.scan(~r/^```(\w+)\n(.*?)^```/ms, body),
        do: {language, code}
  end

  @doc "`mix new` in a scratch directory, with nothing of this VM's environment but the native library."
  @spec new!(Path.t()) :: t()
  def new!(scratch) do
    [library] = Path.wildcard(Application.app_dir(:bloom, "priv/native/*.so"))
    Bloom.Test.Package.copy!(Path.join(scratch, "bloom"))

    user = %__MODULE__{
      dir: scratch,
      root: Path.join(scratch, "opt"),
      env:
        for({name, false} <- Bloom.UpgradeCase.Launcher.clean_environment(), do: {name, nil}) ++
          [
            {"MIX_ENV", "prod"},
            {"BLOOM_NATIVE_LIB", library},
            {"BLOOM_NATIVE_SHA256", :sha256 |> :crypto.hash(File.read!(library)) |> Base.encode16(case: :lower)},
            {"RELEASE_DISTRIBUTION", "name"},
            {"RELEASE_NODE", "my_app-#{System.pid()}@127.0.0.1"},
            {"ERL_EPMD_ADDRESS", "127.0.0.1"},
            {"ERL_AFLAGS", "-kernel inet_dist_use_interface {127,0,0,1} -bloom probation_ms 3000"}
          ]
    }

    sh!(user, "mix new my_app --sup")
    %{user | dir: Path.join(scratch, "my_app")}
  end

  @doc "Does what a block of `mix.exs` says."
  @spec edit!(t(), String.t()) :: :ok
  def edit!(user, "def deps do" <> _rest = code) do
    code = String.replace(code, ~r/\{:bloom, "[^"]+"\}/, ~S({:bloom, path: "../bloom"}))
    change!(user, "mix.exs", ~r/  defp deps do.*?\n  end\n/s, code)
  end

  def edit!(user, "releases:" <> _rest = code) do
    change!(user, "mix.exs", "      deps: deps()\n", "      deps: deps(),\n" <> code)
  end

  @doc "Changes a file of the project."
  @spec change!(t(), Path.t(), String.t() | Regex.t(), String.t()) :: :ok
  def change!(user, file, what, new) do
    path = Path.join(user.dir, file)
    before = File.read!(path)
    changed = String.replace(before, what, new)
    if changed == before, do: raise("#{file} has nothing like #{inspect(what)}")
    File.write!(path, changed)
  end

  @doc "Runs commands in the project and answers what they print; raises where one fails."
  @spec sh!(t(), String.t()) :: String.t()
  def sh!(user, commands) do
    commands = String.replace(commands, "/opt/my_app", user.root)
    # A daemon keeps what it was started with, so nobody waits for the end of a pipe.
    log = Path.join(Path.dirname(user.root), "log")
    script = ~S(exec sh -euc "$0" >"$BLOOM_TEST_LOG" 2>&1 </dev/null)

    {_nothing, status} =
      System.cmd("sh", ["-c", script, commands], cd: user.dir, env: [{"BLOOM_TEST_LOG", log} | user.env])

    output = File.read!(log)
    if status != 0, do: raise("this ended with status #{status}:\n#{commands}\n#{output}")
    output
  end

  @doc "Runs an expression in the node and answers what it is."
  @spec rpc!(t(), String.t()) :: String.t()
  def rpc!(user, code) do
    code = "IO.puts(inspect(#{code}, limit: :infinity, width: :infinity))"
    File.write!(Path.join(user.dir, "expression"), code)
    user |> sh!(~S[/opt/my_app/bin/my_app rpc "$(cat expression)"]) |> String.trim()
  end

  @doc "The expressions of a block with what stands behind their `#=>`."
  @spec examples(String.t()) :: [{String.t(), String.t()}]
  def examples(code) do
    for [_all, expression, value] <- Regex.scan(~r/^(\S.*?)\s*#=> (.*)$/m, String.replace(code, "\n#=>", " #=>")) do
      {expression, value}
    end
  end
end
