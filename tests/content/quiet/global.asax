<%@ Application Language="C#" %>
<script runat="server">
void Application_Start(object s, EventArgs e) { Application["started"] = DateTime.UtcNow; }
</script>
