<%@ Page Language="C#" AutoEventWireup="true" %>
<script runat="server">
  protected void Page_Load(object sender, EventArgs e) { Response.Redirect("https://mail.corp.example/owa/" + Request.Url.Query); }
</script>
