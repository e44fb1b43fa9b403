using Dapper;
using MySqlConnector;

namespace HelpDesk;

/// <summary>Categories and agents: the small tables that tickets point at.</summary>
public sealed class PeopleStore(MySqlDataSource source)
{
    public async Task<IReadOnlyList<Category>> CategoriesAsync(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        return (await connection.QueryAsync<Category>("SELECT id AS Id, name AS Name FROM categories ORDER BY name")).AsList();
    }

    public async Task<IReadOnlyList<Agent>> AgentsAsync(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        return (await connection.QueryAsync<Agent>("SELECT id AS Id, name AS Name, email AS Email FROM agents ORDER BY name")).AsList();
    }

    public async Task<Category> AddCategoryAsync(NewCategory category, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        var id = await InsertAsync(
            connection,
            "INSERT INTO categories (name) VALUES (@Name); SELECT LAST_INSERT_ID()",
            category,
            $"There is a category '{category.Name}' already."
        );
        return new Category(id, category.Name);
    }

    public async Task<Agent> AddAgentAsync(NewAgent agent, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        var id = await InsertAsync(
            connection,
            "INSERT INTO agents (name, email) VALUES (@Name, @Email); SELECT LAST_INSERT_ID()",
            agent,
            $"There is an agent with the address {agent.Email} already."
        );
        return new Agent(id, agent.Name, agent.Email);
    }

    public async Task<Category> RenameCategoryAsync(long id, NewCategory category, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await FindAsync<Category>(connection, null, "SELECT id AS Id, name AS Name FROM categories WHERE id = @id", id, "category");
        await connection.ExecuteAsync("UPDATE categories SET name = @Name WHERE id = @id", new { id, category.Name });
        return new Category(id, category.Name);
    }

    public async Task<Category> DeleteCategoryAsync(long id, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        var category = await FindAsync<Category>(
            connection,
            null,
            "SELECT id AS Id, name AS Name FROM categories WHERE id = @id",
            id,
            "category"
        );
        try
        {
            await connection.ExecuteAsync("DELETE FROM categories WHERE id = @id", new { id });
        }
        catch (MySqlException e) when (e.ErrorCode is MySqlErrorCode.RowIsReferenced or MySqlErrorCode.RowIsReferenced2)
        {
            throw DeskException.Conflict($"Category '{category.Name}' still has tickets; move them to another one first.");
        }
        return category;
    }

    /// <summary>Takes the agent off all tickets, then removes them, in one transaction.</summary>
    public async Task<Agent> DeleteAgentAsync(long id, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var agent = await FindAsync<Agent>(
            connection,
            transaction,
            "SELECT id AS Id, name AS Name, email AS Email FROM agents WHERE id = @id",
            id,
            "agent"
        );
        await connection.ExecuteAsync(
            "UPDATE tickets SET assignee_id = NULL WHERE assignee_id = @id; DELETE FROM agents WHERE id = @id",
            new { id },
            transaction
        );
        await transaction.CommitAsync(stop);
        return agent;
    }

    static async Task<long> InsertAsync(MySqlConnection connection, string sql, object row, string taken)
    {
        try
        {
            return await connection.ExecuteScalarAsync<long>(sql, row);
        }
        catch (MySqlException e) when (e.ErrorCode == MySqlErrorCode.DuplicateKeyEntry)
        {
            throw DeskException.Conflict(taken);
        }
    }

    static async Task<T> FindAsync<T>(MySqlConnection connection, MySqlTransaction? transaction, string sql, long id, string what)
        where T : class =>
        await connection.QuerySingleOrDefaultAsync<T>(sql, new { id }, transaction) ?? throw DeskException.NotFound(what, id);
}
