defmodule Bloom.DatabaseBackup.Postgres.Connection do
  @moduledoc """
  How PostgreSQL's programs reach the database of a repo: its configuration, with Postgrex's defaults, as environment
  variables of the program and of nothing else.
  """

  alias Bloom.Error

  @derive {Inspect, only: [:database]}
  @enforce_keys [:host, :port, :user, :database]
  defstruct [:host, :port, :user, :password, :database, maintenance: "postgres", ssl: []]

  @type t :: %__MODULE__{
          host: String.t(),
          port: String.t(),
          user: String.t(),
          password: String.t() | nil,
          database: String.t(),
          maintenance: String.t(),
          ssl: [{String.t(), String.t()}]
        }

  # What the programs need of the VM's environment. None of its PG variables, as they are not the repo's configuration.
  @kept ~w(PATH HOME TMPDIR LD_LIBRARY_PATH KRB5CCNAME KRB5_CONFIG)
  @connect_timeout_s "15"
  @system_certificates ~w(/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem)

  @doc """
  The connection of a repo with this configuration.

      iex> {:ok, connection} = Bloom.DatabaseBackup.Postgres.Connection.new(url: "ecto://me:secret@db.local:5433/garden")
      iex> {connection.host, connection.port, connection.database}
      {"db.local", "5433", "garden"}
      iex> inspect(connection)
      "#Bloom.DatabaseBackup.Postgres.Connection<database: \\"garden\\", ...>"
  """
  @spec new(keyword()) :: {:ok, t()} | {:error, Error.t()}
  def new(config) do
    config = Keyword.merge(from_url(config[:url]), config)
    {host, port} = address(config)

    case config[:database] || System.get_env("PGDATABASE") do
      nil ->
        {:error,
         Error.new(:no_database, "the repo's configuration names no database",
           suggestions: ["set database or url in the configuration of the repo"]
         )}

      database ->
        {:ok,
         %__MODULE__{
           host: host,
           port: to_string(port),
           user: to_string(config[:username] || System.get_env("PGUSER") || System.get_env("USER") || "postgres"),
           password: text(config[:password] || System.get_env("PGPASSWORD")),
           database: to_string(database),
           maintenance: to_string(config[:maintenance_database] || "postgres"),
           ssl: ssl(config[:ssl], config[:ssl_opts] || [])
         }}
    end
  end

  @doc "The same server, another database."
  @spec to(t(), String.t()) :: t()
  def to(%__MODULE__{} = connection, database), do: %{connection | database: database}

  @doc "The environment of a program that is to connect there."
  @spec environment(t()) :: [{String.t(), String.t()}]
  def environment(%__MODULE__{} = connection) do
    password = if connection.password, do: [{"PGPASSWORD", connection.password}], else: []

    kept() ++
      password ++
      connection.ssl ++
      [
        {"PGHOST", connection.host},
        {"PGPORT", connection.port},
        {"PGUSER", connection.user},
        {"PGDATABASE", connection.database},
        {"PGAPPNAME", "bloom"},
        {"PGCLIENTENCODING", "UTF8"},
        {"PGCONNECT_TIMEOUT", @connect_timeout_s}
      ]
  end

  @doc "The environment of a program that connects nowhere."
  @spec kept() :: [{String.t(), String.t()}]
  def kept, do: [{"LC_ALL", "C"} | for(name <- @kept, value = System.get_env(name), do: {name, value})]

  defp from_url(nil), do: []

  defp from_url(url) do
    uri = URI.parse(url)
    [user | password] = String.split(uri.userinfo || "", ":", parts: 2)
    query = URI.decode_query(uri.query || "")

    for {name, value} <- [
          hostname: uri.host,
          port: uri.port,
          username: decode(user),
          password: decode(List.first(password)),
          database: uri.path && decode(String.trim_leading(uri.path, "/")),
          ssl: query["ssl"] && query["ssl"] == "true",
          socket_dir: query["socket_dir"]
        ],
        value not in [nil, ""],
        do: {name, value}
  end

  defp decode(nil), do: nil
  defp decode(text), do: URI.decode(text)

  # A socket goes before a host, as in Postgrex.
  defp address(config) do
    port = config[:port] || System.get_env("PGPORT") || 5432

    cond do
      socket = config[:socket] -> {Path.dirname(socket), socket |> Path.extname() |> String.trim_leading(".")}
      dir = config[:socket_dir] -> {dir, port}
      endpoints = config[:endpoints] -> several(endpoints, port)
      true -> {to_string(config[:hostname] || System.get_env("PGHOST") || "localhost"), port}
    end
  end

  defp several(endpoints, port) do
    {hosts, ports} =
      Enum.unzip(
        for endpoint <- endpoints do
          case endpoint do
            {host, port} -> {host, port}
            {host, own_port, _options} -> {host, own_port || port}
          end
        end
      )

    {Enum.join(hosts, ","), Enum.join(ports, ",")}
  end

  defp ssl(off, _opts) when off in [nil, false], do: [{"PGSSLMODE", "disable"}]
  defp ssl(true, opts), do: ssl(opts, [])

  defp ssl(opts, _more) when is_list(opts) do
    files =
      for {name, value} <- [{"PGSSLCERT", opts[:certfile]}, {"PGSSLKEY", opts[:keyfile]}],
          value,
          do: {name, to_string(value)}

    files ++ verification(opts[:verify], opts)
  end

  # libpq looks at the certificate as soon as it has a root certificate, so it gets none where Postgrex does not look.
  defp verification(:verify_peer, opts) do
    mode = if opts[:server_name_indication] == :disable, do: "verify-ca", else: "verify-full"
    [{"PGSSLMODE", mode}, {"PGSSLROOTCERT", to_string(opts[:cacertfile] || system_certificates())}]
  end

  defp verification(_none, _opts), do: [{"PGSSLMODE", "require"}]

  defp system_certificates, do: Enum.find(@system_certificates, hd(@system_certificates), &File.exists?/1)

  defp text(nil), do: nil
  defp text(value), do: to_string(value)
end
