using System.Globalization;
using System.Text;
using MySqlConnector;

namespace Millrace.SystemTests.Domain;

/// <summary>
/// What a careless monolith does, from a seed: transactions of several tables, lines that move between orders or belong to nobody, REPLACE,
/// deletes that cascade, children before their parents, keys that change, rollbacks and savepoints.
/// </summary>
public sealed class Workload(string connectionString, int seed, int orders)
{
    private const int Products = 12;
    private static readonly string[] Regions = ["EU", "US", "APAC", "a,b"];
    private readonly Random _random = new(seed);
    private readonly StringBuilder _sql = new();
    private long _line = 1;

    /// <summary>Row changes the database was asked for so far, roughly.</summary>
    public int Asked { get; private set; }

    public async Task BeginAsync()
    {
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, Orders.Schema);
        for (var i = 1; i <= Products; i++)
        {
            await ExecuteAsync(connection, $"INSERT INTO products VALUES ({i}, 'product {i}')");
        }
    }

    /// <summary>Works until about so many row changes were asked for.</summary>
    public async Task WorkAsync(int changes, CancellationToken cancellation = default)
    {
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, "SET SESSION foreign_key_checks = 1");
        var until = Asked + changes;
        while (Asked < until && !cancellation.IsCancellationRequested)
        {
            _sql.Clear().Append("BEGIN;");
            var steps = _random.Next(1, 6);
            for (var i = 0; i < steps; i++)
            {
                Step();
            }
            _sql.Append(_random.Next(25) == 0 ? "ROLLBACK;" : "COMMIT;");
            try
            {
                await ExecuteAsync(connection, _sql.ToString());
            }
            catch (MySqlException e) when (e.ErrorCode is MySqlErrorCode.NoReferencedRow2 or MySqlErrorCode.DuplicateKeyEntry)
            {
                // The database refuses what makes no sense; that is its business.
                await ExecuteAsync(connection, "ROLLBACK");
            }
        }
    }

    private void Step()
    {
        Asked++;
        var (region, no) = Some();
        switch (_random.Next(20))
        {
            case 0 or 1:
                Place(region, no);
                break;
            case 2 or 3 or 4:
                Write(
                    $"INSERT INTO order_lines (id, order_region, order_no, quantity, price) SELECT {_line++}, region, no, {_random.Next(1, 9)}, {Price()} FROM orders WHERE region = '{region}' AND no = {no}"
                );
                break;
            case 5:
                var (other, otherNo) = Some();
                Write(
                    $"UPDATE order_lines l JOIN orders o ON o.region = '{other}' AND o.no = {otherNo} SET l.order_region = o.region, l.order_no = o.no WHERE l.order_region = '{region}' AND l.order_no = {no} AND l.id % 3 = 0"
                );
                break;
            case 6:
                Write(
                    $"UPDATE order_lines SET order_region = NULL, order_no = NULL WHERE order_region = '{region}' AND order_no = {no} AND id % 5 = 0"
                );
                break;
            case 7:
                Write(
                    $"UPDATE order_lines l JOIN orders o ON o.region = '{region}' AND o.no = {no} SET l.order_region = o.region, l.order_no = o.no WHERE l.order_region IS NULL AND l.id % 4 = 0"
                );
                break;
            case 8:
                Write($"DELETE FROM orders WHERE region = '{region}' AND no = {no}");
                break;
            case 9:
                Write(
                    $"REPLACE INTO orders (region, no, status, discount, product_id) VALUES ('{region}', {no}, '{Status()}', {Price()}, {_random.Next(1, Products + 1)})"
                );
                break;
            case 10 or 11:
                Write(
                    $"INSERT INTO order_notes (order_region, order_no, seq, body) SELECT region, no, {_random.Next(1, 6)}, 'note {_random.Next(1000)}' FROM orders WHERE region = '{region}' AND no = {no} ON DUPLICATE KEY UPDATE body = CONCAT(body, '+')"
                );
                break;
            case 12:
                Write($"DELETE FROM order_notes WHERE order_region = '{region}' AND order_no = {no} AND seq = {_random.Next(1, 6)}");
                break;
            case 13:
                Late(region, no);
                break;
            case 14:
                Write("SAVEPOINT here");
                Write($"UPDATE orders SET discount = discount + 1 WHERE region = '{region}' AND no = {no}");
                Write("ROLLBACK TO SAVEPOINT here");
                break;
            case 15:
                // The key of a root changes: only one without children may.
                Write(
                    $"UPDATE orders o SET no = no + {orders} WHERE o.region = '{region}' AND o.no = {no} AND NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.order_region = '{region}' AND l.order_no = {no}) AND NOT EXISTS (SELECT 1 FROM order_notes n WHERE n.order_region = '{region}' AND n.order_no = {no})"
                );
                break;
            case 16:
                Write($"DELETE FROM order_lines WHERE order_region = '{region}' AND order_no = {no} AND id % 2 = 0");
                break;
            default:
                Write(
                    $"UPDATE orders SET status = '{Status()}', discount = {Price()}, remark = 'caf\u00e9 {_random.Next(9)}' WHERE region = '{region}' AND no = {no}"
                );
                break;
        }
    }

    /// <summary>A parent after its children, in one transaction, as imports do it.</summary>
    private void Late(string region, int no)
    {
        Write("SET SESSION foreign_key_checks = 0");
        Write($"INSERT IGNORE INTO order_notes VALUES ('{region}', {no}, 9, 'before its order')");
        Place(region, no);
        Write("SET SESSION foreign_key_checks = 1");
    }

    private void Place(string region, int no) =>
        Write(
            $"INSERT INTO orders (region, no, status, discount, product_id, placed_at, blob_nobody_maps) VALUES ('{region}', {no}, '{Status()}', {Price()}, {_random.Next(1, Products + 1)}, '2026-03-04 05:06:07.123456', x'00ff27') ON DUPLICATE KEY UPDATE status = VALUES(status)"
        );

    private void Write(string statement) => _sql.Append(statement).Append(';');

    private (string Region, int No) Some() => (Regions[_random.Next(Regions.Length)], _random.Next(orders));

    private string Status() =>
        _random.Next(3) switch
        {
            0 => "new",
            1 => "paid",
            _ => "sent",
        };

    private string Price() => (_random.Next(1, 100_000) / 100m).ToString(CultureInfo.InvariantCulture);

    private async Task<MySqlConnection> OpenAsync()
    {
        var connection = new MySqlConnection(connectionString);
        await connection.OpenAsync();
        return connection;
    }

    private static async Task ExecuteAsync(MySqlConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
